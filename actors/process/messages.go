// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"

	"github.com/kata-containers/kata-agent/actors/core"
	"golang.org/x/sys/unix"
)

// ErrUnknown says that there is no such process, or that its exit status has been
// handed out. Hosts take the words for "already terminated".
var ErrUnknown = errors.New("process not found")

// ErrNoTerminal says that a process has no terminal.
var ErrNoTerminal = errors.New("no tty")

// Wait is answered with the exit status (0 to 255; 128 plus the signal for a killed
// one). All who wait at the exit get it, or the first who asks after it.
type Wait struct{ core.Call[int] }

// Signal is sent to the process. A signal to an exited one is no error.
type Signal struct {
	core.Call[struct{}]
	Number unix.Signal
	// TermKills turns SIGTERM into SIGKILL when the process neither blocks, ignores nor
	// catches it: the kernel keeps it from an init of a pid namespace.
	TermKills bool

	tries int // how often the process was found not to run its program yet
}

// Resize sets the size of the terminal in character cells.
type Resize struct {
	core.Call[struct{}]
	Rows, Columns uint16
}

// Released is told to the actor of an init that has waited for its start, when it may run.
type Released struct{}

// Discard ends the actor: its streams are closed, who still waits gets ErrUnknown.
// Sent by the container when it goes.
type Discard struct{}

// Supersede is told to a process that has been waited for when its id is needed again:
// what is left in its streams is dropped, and the actor lives on for as long as somebody
// writes to them.
type Supersede struct{}

// Exited is told to the container when the process has exited.
type Exited struct {
	Handle *Handle
	Status int
}

// Waited is told to the container when the exit status is handed out, before those who wait
// get it: from then on the process is gone for everything but reading what it has left in its
// streams, and its exec id is free.
type Waited struct{ Handle *Handle }

// Unwaited is told to the container when the status that was handed out has come back: nobody was
// there any more.
type Unwaited struct{ Handle *Handle }

// Gone is told to the container when nothing of the process is of use to anybody: it has
// been waited for and its output was read or has lingered. The actor ends itself.
type Gone struct{ Handle *Handle }

// exitSeen says that the pidfd has become readable.
type exitSeen struct{}

// statusReturned says that an answer with the exit status could not be given.
type statusReturned struct{}

// flushed says that what an exited process has written to a passed stream is on its way.
type flushed struct{}

// streamOver says that one of the streams that are drained has ended.
type streamOver struct{}

// lingerOver says that it is time to look whether output is still unread.
type lingerOver struct{}
