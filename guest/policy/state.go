// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"errors"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// state is one version of the data that rules may read, data.pstate and beside it. It never changes.
// It is the transaction that an evaluation reads in.
type state struct{ doc ast.Value }

// ID tells transactions apart, which nobody needs.
func (*state) ID() uint64 { return 0 }

// emptyState is what a policy begins with.
func emptyState() *state {
	return &state{ast.NewObject(ast.Item(ast.StringTerm("pstate"), ast.ObjectTerm()))}
}

// store hands the state of a transaction to OPA.
type store struct {
	storage.TriggersNotSupported
	storage.PolicyNotSupported
	storage.WritesNotSupported
}

var errReadOnly = errors.New("the state is read only")

// Read returns the value at a path.
func (store) Read(_ context.Context, t storage.Transaction, path storage.Path) (any, error) {
	v := t.(*state).doc
	for _, part := range path {
		if v = child(v, part); v == nil {
			return nil, &storage.Error{Code: storage.NotFoundErr}
		}
	}
	return v, nil
}

// child is a member of an object or an element of an array, nil if there is none.
func child(v ast.Value, name string) ast.Value {
	switch v := v.(type) {
	case ast.Object:
		if t := v.Get(ast.StringTerm(name)); t != nil {
			return t.Value
		}
	case *ast.Array:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < v.Len() {
			return v.Elem(i).Value
		}
	}
	return nil
}

func (store) NewTransaction(context.Context, ...storage.TransactionParams) (storage.Transaction, error) {
	return nil, errReadOnly
}

func (store) Commit(context.Context, storage.Transaction) error { return errReadOnly }

func (store) Truncate(context.Context, storage.Transaction, storage.TransactionParams, storage.Iterator) error {
	return errReadOnly
}

func (store) Abort(context.Context, storage.Transaction) {}
