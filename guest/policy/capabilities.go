// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// absent are built-in functions, or their prefixes, that documents cannot call. Most of them the
// engine that policies are written for does not have either; the others reach outside of the
// document or answer differently each time, which OPA itself marks.
var absent = []string{
	"all", "any", "array.flatten", "cast_", "crypto.", "glob.", "graph.", "graphql.", "hex.", "io.",
	"json.marshal_with_options", "json.match_schema", "json.patch", "json.verify_schema", "net.", "opa.",
	"providers.", "re_match", "regex.globs_match", "regex.template_match", "rego.", "semver.", "set_diff",
	"strings.render_template", "time.", "trace", "units.", "urlquery.", "uri.", "uuid.", "yaml.", "http.",
	"internal.template_string", "strings.count",
}

// capabilities is what documents may use.
var capabilities = sync.OnceValue(func() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.Nondeterministic || slices.ContainsFunc(absent, func(name string) bool {
			if last := name[len(name)-1]; last == '.' || last == '_' {
				return strings.HasPrefix(b.Name, name)
			}
			return b.Name == name
		})
	})
	c.Features = slices.DeleteFunc(slices.Clone(c.Features), func(f string) bool { return f == ast.FeatureTemplateStrings })
	c.AllowNet = []string{}
	return c
})
