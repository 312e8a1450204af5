// SPDX-License-Identifier: Apache-2.0

package protocols_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// protoToken splits a .proto file into words, strings and single signs, past comments.
var protoToken = regexp.MustCompile(`//[^\n]*|"[^"]*"|[\w.]+|\S`)

// A protoParser reads the subset of the language our files use: messages and enums (nested one
// deep), oneofs, maps, services. Anything else is a panic, which fails the test that parses.
type protoParser struct {
	file, pkg string
	tokens    []string
	schema    *schema
}

// parseProto adds the definitions of a file to s.
func parseProto(s *schema, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	p := &protoParser{file: file, schema: s}
	for _, t := range protoToken.FindAllString(string(text), -1) {
		if !strings.HasPrefix(t, "//") {
			p.tokens = append(p.tokens, t)
		}
	}
	p.run()
	return nil
}

func (p *protoParser) next() string {
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *protoParser) want(tokens ...string) {
	for _, w := range tokens {
		if t := p.next(); t != w {
			panic(fmt.Sprintf("%s: %q where %q belongs", p.file, t, w))
		}
	}
}

func (p *protoParser) run() {
	for len(p.tokens) > 0 {
		switch t := p.next(); t {
		case "syntax":
			p.want("=", `"proto3"`, ";")
		case "package":
			p.pkg = p.next()
			p.want(";")
		case "import":
			p.next()
			p.want(";")
		case "option":
			p.want("go_package", "=")
			p.next()
			p.want(";")
		case "message":
			p.message()
		case "enum":
			p.enum("")
		case "service":
			p.service()
		default:
			panic(p.file + ": unknown " + t)
		}
	}
}

func (p *protoParser) message() {
	name := p.next()
	fields := []field{}
	p.want("{")
	for {
		switch t := p.next(); t {
		case "}":
			full := p.pkg + "." + name
			p.schema.messages[full], p.schema.files[full] = fields, p.file
			p.qualify(name, fields)
			return
		case "enum":
			p.enum(name + ".")
		case "repeated":
			fields = append(fields, p.field(p.next(), "repeated"))
		case "oneof":
			group := p.next()
			p.want("{")
			f := p.field(p.next(), "oneof "+group)
			// The form that stands for `optional`, see the comment at MemAgentMemcgConfig.
			if group == "_"+f.Name {
				f.Label = "optional"
			}
			fields = append(fields, f)
			p.want("}")
		case "map":
			p.want("<")
			key := p.next()
			p.want(",")
			value := p.next()
			p.want(">")
			fields = append(fields, p.field("map<"+key+";"+value+">", "map"))
		default:
			fields = append(fields, p.field(t, ""))
		}
	}
}

func (p *protoParser) field(typ, label string) field {
	name := p.next()
	p.want("=")
	n := p.number()
	p.want(";")
	return field{name, n, typ, label}
}

func (p *protoParser) number() int {
	n, err := strconv.Atoi(p.next())
	if err != nil {
		panic(p.file + ": " + err.Error())
	}
	return n
}

func (p *protoParser) enum(outer string) {
	name := p.pkg + "." + outer + p.next()
	values := map[string]int{}
	p.want("{")
	for t := p.next(); t != "}"; t = p.next() {
		p.want("=")
		values[t] = p.number()
		p.want(";")
	}
	p.schema.enums[name], p.schema.files[name] = values, p.file
}

func (p *protoParser) service() {
	name := p.pkg + "." + p.next()
	p.schema.files[name] = p.file
	p.want("{")
	for t := p.next(); t != "}"; t = p.next() {
		if t != "rpc" {
			panic(p.file + ": " + t + " in a service")
		}
		m := method{Name: p.next()}
		p.want("(")
		m.Request = p.full(p.next())
		p.want(")", "returns", "(")
		m.Response = p.full(p.next())
		p.want(")", ";")
		p.schema.services[name] = append(p.schema.services[name], m)
	}
}

var scalar = regexp.MustCompile(`^(string|bytes|bool|u?int(32|64))$`)

// full adds the file's package to the name of a message or enum that has none.
func (p *protoParser) full(name string) string {
	if scalar.MatchString(name) || strings.Contains(name, ".") {
		return name
	}
	return p.pkg + "." + name
}

// qualify makes the types of fields full names. Nested enums have been read by then.
func (p *protoParser) qualify(message string, fields []field) {
	for i, f := range fields {
		if key, value, ok := strings.Cut(f.Type, ";"); ok {
			fields[i].Type = key + ";" + p.full(strings.TrimSuffix(value, ">")) + ">"
			continue
		}
		nested := p.pkg + "." + message + "." + f.Type
		if _, ok := p.schema.enums[nested]; ok {
			fields[i].Type = nested
			continue
		}
		fields[i].Type = p.full(f.Type)
	}
}
