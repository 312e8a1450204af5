// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// descriptors builds descriptors from the wire tables alone, so that google's implementation can
// stand on the other end of the wire without any of our .proto files or generated code.
func descriptors(t testing.TB) *protoregistry.Files {
	t.Helper()
	s := tables(t)
	packages := map[string]*descriptorpb.FileDescriptorProto{}
	for _, pkg := range []string{"types", "grpc", "api"} { // grpc uses types
		f := &descriptorpb.FileDescriptorProto{
			Name: proto.String(pkg + ".proto"), Package: proto.String(pkg), Syntax: proto.String("proto3"),
		}
		if pkg == "grpc" {
			f.Dependency = []string{"types.proto"}
		}
		packages[pkg] = f
	}
	messages := map[string]*descriptorpb.DescriptorProto{}
	for name, fields := range s.messages {
		pkg, short, _ := strings.Cut(name, ".")
		m := &descriptorpb.DescriptorProto{Name: &short}
		for _, f := range fields {
			addField(s, m, name, f)
		}
		packages[pkg].MessageType = append(packages[pkg].MessageType, m)
		messages[name] = m
	}
	for name, values := range s.enums {
		pkg, short, _ := strings.Cut(name, ".")
		e := &descriptorpb.EnumDescriptorProto{Name: proto.String(baseName(name))}
		for n := range len(values) { // zero first
			for v, number := range values {
				if number == n {
					e.Value = append(e.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String(v), Number: proto.Int32(int32(n))})
				}
			}
		}
		if outer, _, nested := strings.Cut(short, "."); nested {
			m := messages[pkg+"."+outer]
			m.EnumType = append(m.EnumType, e)
		} else {
			packages[pkg].EnumType = append(packages[pkg].EnumType, e)
		}
	}
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{packages["types"], packages["grpc"], packages["api"]}}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// addField adds one row of the table to m, with the entry type of a map or the oneof of an optional
// where the language calls for them.
func addField(s *schema, m *descriptorpb.DescriptorProto, message string, f field) {
	fd := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(f.Name), Number: proto.Int32(int32(f.Number)),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	switch {
	case f.Label == "map":
		entry := strings.ToUpper(f.Name[:1]) + f.Name[1:] + "Entry"
		for i := strings.IndexByte(entry, '_'); i >= 0; i = strings.IndexByte(entry, '_') {
			entry = entry[:i] + strings.ToUpper(entry[i+1:i+2]) + entry[i+2:]
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(f.Type, "map<"), ">"), ";")
		nested := &descriptorpb.DescriptorProto{Name: &entry, Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}}
		addField(s, nested, "", field{"key", 1, key, ""})
		addField(s, nested, "", field{"value", 2, value, ""})
		m.NestedType = append(m.NestedType, nested)
		f.Type, f.Label = message+"."+entry, "repeated"
		fd.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		fd.TypeName = proto.String("." + f.Type)
	case s.messages[f.Type] != nil:
		fd.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		fd.TypeName = proto.String("." + f.Type)
	case s.enums[f.Type] != nil:
		fd.Type = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum()
		fd.TypeName = proto.String("." + f.Type)
	default:
		fd.Type = descriptorpb.FieldDescriptorProto_Type(descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(f.Type)]).Enum()
	}
	if f.Label == "repeated" {
		fd.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	if group, ok := strings.CutPrefix(f.Label, "oneof "); ok || f.Label == "optional" {
		if f.Label == "optional" {
			group, fd.Proto3Optional = "_"+f.Name, proto.Bool(true)
		}
		fd.OneofIndex = proto.Int32(int32(len(m.OneofDecl)))
		m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: &group})
	}
	m.Field = append(m.Field, fd)
}

// fill sets every field of m, nested ones too, to values no two of which are alike.
func fill(m protoreflect.Message, n *uint64) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case fd.IsMap():
			for range 3 {
				key := scalarValue(fd.MapKey(), n).MapKey()
				m.Mutable(fd).Map().Set(key, value(fd.MapValue(), m.Mutable(fd).Map().NewValue, n))
			}
		case fd.IsList():
			for range 2 {
				m.Mutable(fd).List().Append(value(fd, m.Mutable(fd).List().NewElement, n))
			}
		default:
			m.Set(fd, value(fd, func() protoreflect.Value { return m.NewField(fd) }, n))
		}
	}
}

func value(fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value, n *uint64) protoreflect.Value {
	if fd.Kind() == protoreflect.MessageKind {
		v := fresh()
		fill(v.Message(), n)
		return v
	}
	return scalarValue(fd, n)
}

// scalarValue makes the numbers large and signed ones negative, so that a width or signedness that is
// wrong shows.
func scalarValue(fd protoreflect.FieldDescriptor, n *uint64) protoreflect.Value {
	*n++
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("%s-%d-\u00fc", fd.Name(), *n))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 0xff, byte(*n), byte(*n >> 8)})
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-int32(*n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-int64(*n) << 32)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1<<31 + uint32(*n))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(1<<63 + *n)
	}
	panic(fd.Kind())
}

// Every message with every field set goes from google's implementation to ours and back and is the
// same; a wrong number or type in the marshalling code loses or changes a field.
func TestEveryMessageAgainstGoogle(t *testing.T) {
	files := descriptors(t)
	types := goTypes()
	var n uint64
	for name := range tables(t).messages {
		t.Run(name, func(t *testing.T) {
			d, err := files.FindDescriptorByName(protoreflect.FullName(name))
			if err != nil {
				t.Fatal(err)
			}
			sent := dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
			fill(sent, &n)
			data, err := proto.Marshal(sent)
			if err != nil {
				t.Fatal(err)
			}
			m := reflect.New(types[baseName(name)]).Interface().(protocols.Message)
			if err := m.Unmarshal(data); err != nil {
				t.Fatal(err)
			}
			ours, err := m.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			back := dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
			if err := proto.Unmarshal(ours, back); err != nil {
				t.Fatal(err)
			}
			if len(back.GetUnknown()) > 0 || !proto.Equal(sent, back) {
				t.Errorf("sent %v\ngot  %v", sent, back)
			}
			if len(ours) != len(data) || m.Size() != len(ours) {
				t.Errorf("%d bytes, size %d, want %d", len(ours), m.Size(), len(data))
			}
		})
	}
}
