// SPDX-License-Identifier: Apache-2.0

package model

// phase is how far a container has come.
type phase uint8

const (
	absent phase = iota
	making
	created
	running
	stopped
)

// life is how far a process has come. One that was waited for is gone for most calls.
type life uint8

const (
	none life = iota
	alive
	exited
	waited
)

const (
	slots = 3 // processes of a container by exec id: init and two sessions
	// maxPending bounds the calls to one container that are not over. It keeps the set of states small.
	maxPending = 8
)

// signals that a process may have died of.
const (
	killed   = 1 << iota // SIGKILL: 137
	termed               // SIGTERM: 143
	hangs                // its standard input was closed: a cat ends with 0
	signaled = killed | termed
)

// process is what one exec id of a container leads to.
type process struct {
	run    uint8 // which create or exec has made it; 0 is none
	at     life
	next   uint8 // the run that an exec is starting, which takes its place; 0 is none
	may    uint8 // bits: what may have ended it, or that one
	status uint8 // once exited
}

// stage is how far a call has come.
type stage uint8

const (
	free  stage = iota // no call
	sent               // it may have reached the agent, and had no effect
	begun              // others see it
	done               // out is its answer
)

// pending is a call that is not over.
type pending struct {
	at     stage
	out    outcome
	status uint8 // of a WaitProcess that is done; its slot while it waits; the run of a read or write
}

// state is everything the model knows of one container. It is a value: two that are equal are one.
type state struct {
	at       phase
	frozen   bool
	removing bool
	process  [slots]process
	pending  [maxPending]pending
}

// outcome is a kind of answer.
type outcome uint8

const (
	okay       outcome = iota
	ended              // of a read: the end of the stream
	endedWhole         // the same, and everything was read
	goneWhole          // the process is not known any more, and everything was read
	unknown            // container
	noProcess
	isCreating // the states that forbid a call
	isCreated
	isRunning
	isPaused
	isStopped
	initEnded // an exec or start that meets the end of init
	exists
	givenUp // the container is being removed
	badProgram
	badRoot
	noStdin
	brokenPipe
	noTerminal
)

// word is how an error names the state of a container.
func (s *state) word() outcome {
	switch {
	case s.at == making:
		return isCreating
	case s.at == stopped:
		return isStopped
	case s.frozen:
		return isPaused
	case s.at == created:
		return isCreated
	}
	return isRunning
}

// exit is a process that ends. Whoever waits for it is told; it is gone for others then.
func (s *state) exit(slot int, status uint8) {
	p := &s.process[slot]
	p.at, p.status, p.may = exited, status, 0
	for i, q := range s.pending {
		if q.at == begun && q.out == parked && int(q.status) == slot {
			s.pending[i] = pending{at: done, out: okay, status: status}
			p.at = waited
		}
	}
	if slot == 0 { // the first of its pid namespace, which ends with it
		s.at, s.frozen = stopped, false
		s.kill()
	}
}

// kill notes that SIGKILL is on its way to every process.
func (s *state) kill() {
	for i := range s.process {
		if p := &s.process[i]; p.next != 0 || p.at == alive {
			p.may |= killed
		}
	}
}

// vanish is the end of a container, or of a create that has failed.
func (s *state) vanish() {
	s.at, s.frozen, s.removing = absent, false, false
	s.process = [slots]process{}
}

// mayEnd tells whether a living process may end by itself.
func (s *state) mayEnd(slot int, runs *[256]*program) bool {
	p := s.process[slot]
	r := runs[p.run]
	if slot == 0 && s.at == created { // it waits for its start
		return false
	}
	return r.status != forever || r.echoes && p.may&hangs != 0
}

// mayBeKilled tells whether a living process may end by a signal: one of its own, or that with which
// its pid namespace ends, which comes before its init has ended.
func (s *state) mayBeKilled(slot int, runs *[256]*program) bool {
	return s.process[slot].may&signaled != 0 || slot > 0 && s.ending(runs)
}

// ending tells whether init may be about to end.
func (s *state) ending(runs *[256]*program) bool {
	return s.process[0].at == alive && (s.process[0].may&signaled != 0 || s.mayEnd(0, runs))
}
