// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols/protojson"
	"google.golang.org/grpc/codes"
)

// exec is a whole session: from ExecProcess to the status.
func (l *run) exec(ctx context.Context, i int) (int64, error) {
	p, err := l.start(ctx, i, process(l.Args...))
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	n, code, err := l.collect(ctx, p, expectText(&out))
	if err == nil {
		err = ended(code, 0)
	}
	if err == nil && l.Output != "" && out.String() != l.Output {
		err = fmt.Errorf("output %.200q, not %.200q", out.String(), l.Output)
	}
	return n, err
}

// tty is a session with a terminal: what it is resized to is what its program sees.
func (l *run) tty(ctx context.Context, i int) (int64, error) {
	shell := process("sh", "-c", "read go; stty size")
	shell.Terminal = true
	p, err := l.start(ctx, i, shell)
	if err != nil {
		return 0, err
	}
	rows, columns := 10+i%90, 20+i%200
	if err := p.Resize(ctx, rows, columns); err != nil {
		return 0, err
	}
	if _, err := p.Write(ctx, []byte("\n")); err != nil {
		return 0, err
	}
	var out bytes.Buffer
	n, err := l.drain(ctx, p, client.Stdout, expectText(&out))
	// A terminal may end with an I/O error instead of an empty read.
	if err != nil && (ctx.Err() != nil || out.Len() == 0) {
		return n, err
	}
	code, err := p.Wait(ctx)
	if err == nil {
		err = ended(code, 0)
	}
	if want := fmt.Sprintf("%d %d\r\n", rows, columns); err == nil && !bytes.HasSuffix(out.Bytes(), []byte(want)) {
		err = fmt.Errorf("the terminal says %q, not %q", out.String(), want)
	}
	return n, err
}

// errCode is behind every call that ends otherwise than its load expects.
var errCode = errors.New("unexpected status code")

// call is one call by its name.
func (l *run) call(ctx context.Context, i int) (int64, error) {
	method, err := client.LookUp(l.Method)
	if err != nil {
		return 0, err
	}
	request := method.NewRequest()
	if l.Request != "" {
		if err := protojson.Unmarshal([]byte(l.Request), request); err != nil {
			return 0, err
		}
	}
	_, err = l.client(i).Call(ctx, method, request)
	got, want := codes.OK, codes.OK.String()
	if l.Expect != "" {
		want = l.Expect
	}
	if e := (*client.Error)(nil); errors.As(err, &e) {
		got = e.Code()
	}
	if got.String() != want {
		return 0, fmt.Errorf("%s, not %s: %w", got, want, errors.Join(err, errCode))
	}
	return 0, nil
}
