// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/gogo/protobuf/proto"
	descriptor "github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	plugin "github.com/gogo/protobuf/protoc-gen-gogo/plugin"
	"github.com/gogo/protobuf/vanity"
	"github.com/gogo/protobuf/vanity/command"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "protoc-gen-agent:", err)
		os.Exit(1)
	}
}

// run reads protoc's request from standard input and answers on standard output.
func run() error {
	req := command.Read()
	files := vanity.FilterFiles(req.GetProtoFile(), vanity.NotGoogleProtobufDescriptorProto)
	configure(files)

	resp := command.Generate(req)
	for _, f := range resp.File {
		src, err := trim(f.GetName(), f.GetContent())
		if err != nil {
			return err
		}
		f.Content = &src
	}
	table, err := services(req)
	if err != nil {
		return err
	}
	resp.File = append(resp.File, &plugin.CodeGeneratorResponse_File{
		Name:    proto.String("services.pb.go"),
		Content: &table,
	})
	command.Write(resp)
	return nil
}

// configure selects gogofaster's options, and map entries in key order: equal messages then have
// equal bytes, which costs a sort of a few dozen keys and lets tests and traces compare them.
func configure(files []*descriptor.FileDescriptorProto) {
	vanity.ForEachFile(files, vanity.TurnOnMarshalerAll)
	vanity.ForEachFile(files, vanity.TurnOnStable_MarshalerAll)
	vanity.ForEachFile(files, vanity.TurnOnSizerAll)
	vanity.ForEachFile(files, vanity.TurnOnUnmarshalerAll)
	vanity.ForEachFile(files, vanity.TurnOffGoUnrecognizedAll)
	vanity.ForEachFile(files, vanity.TurnOffGoUnkeyedAll)
	vanity.ForEachFile(files, vanity.TurnOffGoSizecacheAll)
}
