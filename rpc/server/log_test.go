// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// secret is in all that must not be logged.
const secret = "SECRETVALUE"

// hidden are names of fields that hold secrets as text: variables of an environment, policies.
var hidden = []string{"Env", "Policy"}

// fill gives every field of a message a value, a secret to those that hold one.
func fill(v reflect.Value, name string, depth int) {
	switch {
	case depth > 12:
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, depth+1)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !strings.HasPrefix(f.Name, "XXX_") {
				fill(v.Field(i), f.Name, depth+1)
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte(secret))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name, depth+1)
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.String:
		v.Set(reflect.ValueOf(map[string]string{
			"io.katacontainers.config.hypervisor.cc_init_data": secret, "io.katacontainers.config.agent.policy": secret, "plain": "shown",
		}))
	case v.Kind() == reflect.String && slices.Contains(hidden, name):
		v.SetString("NAME=" + secret)
	case v.Kind() == reflect.String:
		v.SetString("shown")
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}

// line is what is logged of a call of a method at a level, "" for nothing.
func line(t *testing.T, m *protocols.Method, own, level zapcore.Level) string {
	t.Helper()
	core, logs := observer.New(level)
	intercept := logged(zap.New(core), own)
	if intercept == nil {
		return ""
	}
	request := m.NewRequest()
	fill(reflect.ValueOf(request).Elem(), "", 0)
	_, end, err := intercept(t.Context(), &Info{Method: m.Method}, request)
	if err != nil {
		t.Fatal(err)
	}
	end(codes.OK, "")
	e := logs.All()[0]
	text, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(e.Entry, e.Context)
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestRequestsAreShownWithoutSecrets at debug level, whatever the method: no value of a variable, no byte
// of a file or a stream, no policy. What comes by the second shows none, nor do lines at info level.
func TestRequestsAreShownWithoutSecrets(t *testing.T) {
	secrets := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:12], fmt.Sprint([]byte(secret))[1:20]}
	kept := map[string][]string{
		"CreateContainer": {"NAME=‹redacted›", "shown"}, "CopyFile": {"<11 bytes>", "shown"}, "SetPolicy": {`\"Policy\":\"‹redacted›\"`},
	}
	for _, m := range protocols.Methods() {
		text := line(t, &m, zapcore.InfoLevel, zapcore.DebugLevel)
		if !strings.Contains(text, `"request":"`) {
			t.Errorf("%s: want the request in %s", m.Method, text)
		}
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s shows a secret: %s", m.Method, text)
			}
		}
		for _, want := range kept[m.Method] {
			if !strings.Contains(text, want) {
				t.Errorf("%s: want %s in %s", m.Method, want, text)
			}
		}
		for what, text := range map[string]string{
			"a quiet method":    line(t, &m, zapcore.DebugLevel, zapcore.DebugLevel),
			"at the info level": line(t, &m, zapcore.InfoLevel, zapcore.InfoLevel),
		} {
			if text == "" || strings.Contains(text, "request") {
				t.Errorf("%s, %s: %s; want a line without the request", m.Method, what, text)
			}
		}
	}
}
