// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// otlp sends spans by OTLP over HTTP, each batch over a connection of its own: there is one in a
// second at most. It writes its requests itself, so that no HTTP client, with TLS and HTTP/2, comes
// into the agent for one POST.
type otlp struct {
	dial dialer
	host string // for the Host header
	path string
}

func (*otlp) close() {}

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 64 << 10

func (o *otlp) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) (sent int, err error) {
	body := encodeRequest(spans)
	c, err := o.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	defer bound(ctx, c)()
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: kata-agent\r\n"+
		"Content-Type: application/x-protobuf\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", o.path, o.host, len(body))
	if _, err := c.Write(append(head, body...)); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, answerLimit)), nil)
	if err != nil {
		return 0, errors.Join(ctx.Err(), err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return 0, fmt.Errorf("collector %s answers %s", o.host, answer.Status)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("collector %s: %w", o.host, err)
	}
	if n, why := rejected(text); n > 0 {
		return max(0, len(spans)-int(min(n, int64(len(spans))))), fmt.Errorf("collector %s refuses spans: %s", o.host, why)
	}
	return len(spans), nil
}
