// SPDX-License-Identifier: Apache-2.0

package core

// spawn starts a child; it is called in a turn.
func (a *actor) spawn(name string, b Behavior) (Ref, error) {
	if name == "" {
		return Ref{}, errNoName
	}
	a.mu.Lock()
	_, taken := a.extra().children[name]
	a.mu.Unlock()
	if taken {
		return Ref{}, ErrNameTaken
	}
	child := &actor{sys: a.sys, parent: a, path: a.path + "/" + name, behavior: b}
	if err := a.sys.begin(child, name); err != nil {
		return Ref{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.x.children == nil {
		a.x.children = make(map[string]*actor)
	}
	a.x.children[name] = child
	return Ref{child}, nil
}

// name is the last part of the path. It may hold slashes itself.
func (a *actor) name() string {
	if a.parent == nil {
		return a.path
	}
	return a.path[len(a.parent.path)+1:]
}

// childDied takes a dead child off the tree. ChildExited goes to the end of the
// mailbox: the child told its last words before.
func (a *actor) childDied(name string) {
	a.mu.Lock()
	child := a.x.children[name]
	delete(a.x.children, name)
	if len(a.x.children) == 0 {
		a.x.children = nil // a map never shrinks
	}
	gate := a.gate
	a.mu.Unlock()
	if child == nil || gate != open {
		return
	}
	a.post(ChildExited{Child: Ref{child}, Name: name, Cause: child.deathCause()})
}
