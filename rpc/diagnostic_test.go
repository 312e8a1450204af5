// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
)

// TestActorLinesAreBounded: an agent with very many sessions still has an answer that fits into a
// message.
func TestActorLinesAreBounded(t *testing.T) {
	tree := make([]core.ActorInfo, maxActors+3)
	for i := range tree {
		tree[i].Path = "sandbox/container/" + strings.Repeat("c", 64) + "/process/" + strings.Repeat("e", 64)
	}
	text, err := actorLines(tree)
	if err != nil || len(text) > 4<<20 || !strings.HasSuffix(text, "{\"more_actors\":3}\n") {
		t.Errorf("%v, %d bytes that end with %q", err, len(text), text[max(0, len(text)-40):])
	}
}
