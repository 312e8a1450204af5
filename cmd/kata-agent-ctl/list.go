// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"reflect"
	"text/tabwriter"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
	"github.com/spf13/cobra"
)

func newList() *cobra.Command {
	return &cobra.Command{
		Use:     "list [method]",
		Aliases: []string{"ls"},
		Short:   "List the agent's calls, or show what one of them takes",
		GroupID: "call",
		Long: `List the calls of the agent with the types of request and answer. With the name of a call, show
a request as JSON with everything that can be in it.`,
		Example: `  kata-agent-ctl list
  kata-agent-ctl list ExecProcess`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeMethod,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return showMethod(cmd, args[0])
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "METHOD\tREQUEST\tANSWER\tSERVICE")
			for _, m := range client.Methods() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Method, typeName(m.NewRequest()), typeName(m.NewResponse()), m.Service)
			}
			return w.Flush()
		},
	}
}

func showMethod(cmd *cobra.Command, name string) error {
	m, err := client.LookUp(name)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, part := range []struct {
		title string
		m     protocols.Message
	}{{"request", m.NewRequest()}, {"answer", m.NewResponse()}} {
		if _, empty := part.m.(*protocols.Empty); empty {
			fmt.Fprintf(out, "%s.%s: no %s but success or an error\n", m.Service, m.Method, part.title)
			continue
		}
		populate(reflect.ValueOf(part.m), 0)
		text, err := protojson.Marshal(part.m, "  ", true)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s.%s: %s %s\n%s\n", m.Service, m.Method, part.title, typeName(part.m), text)
	}
	return nil
}

func typeName(m protocols.Message) string { return reflect.TypeOf(m).Elem().Name() }

// choose sets the fields that can be absent, which gogo/protobuf makes interfaces.
func choose(v reflect.Value) {
	m, ok := v.Addr().Interface().(interface{ XXX_OneofWrappers() []any })
	if !ok {
		return
	}
	for _, w := range m.XXX_OneofWrappers() {
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Kind() == reflect.Interface && reflect.TypeOf(w).Implements(f.Type()) {
				f.Set(reflect.New(reflect.TypeOf(w).Elem()))
			}
		}
	}
}

// maxDepth ends populate in case a message ever contains itself.
const maxDepth = 12

// populate puts one empty element in every place of a message where there can be one, so that the
// JSON of the message shows all its fields.
func populate(v reflect.Value, depth int) {
	if depth > maxDepth {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		populate(v.Elem(), depth+1)
	case reflect.Struct:
		choose(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Field(i).Kind() != reflect.Interface {
				populate(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			populate(v.Index(0), depth+1)
		}
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		populate(element, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.New(v.Type().Key()).Elem(), element)
	}
}
