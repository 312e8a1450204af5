// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// number is a number as the engine that policies are written for has them: whole ones are exact,
// others are 64-bit floating point.
type number struct {
	whole *big.Int
	float float64 // if whole is nil
}

// numberOf reads a number. One that is written with a point or an exponent and has no fraction is
// whole as long as a floating-point number can hold it exactly.
func numberOf(n ast.Number) number {
	text := string(n)
	if !strings.ContainsAny(text, ".eE") {
		if i, ok := new(big.Int).SetString(text, 10); ok {
			return number{whole: i}
		}
	}
	f, _ := strconv.ParseFloat(text, 64)
	return number{float: f}
}

func (n number) asFloat() float64 {
	if n.whole == nil {
		return n.float
	}
	f, _ := new(big.Float).SetInt(n.whole).Float64()
	return f
}

// value is the number as a value; nil if it is none.
func (n number) value() ast.Value {
	text, ok := n.text()
	if !ok {
		return nil
	}
	return ast.Number(json.Number(text))
}

// exact is the largest whole number up to which floating point has them all.
const exact = 1 << 53

// text is the shortest way to write the number: 1 and not 1.0.
func (n number) text() (string, bool) {
	switch {
	case n.whole != nil:
		return n.whole.String(), true
	case math.IsNaN(n.float) || math.IsInf(n.float, 0):
		return "", false
	case n.float == math.Trunc(n.float) && math.Abs(n.float) < exact:
		return strconv.FormatInt(int64(n.float), 10), true
	}
	return strconv.FormatFloat(n.float, 'g', -1, 64), true
}

func (n number) zero() bool {
	if n.whole != nil {
		return n.whole.Sign() == 0
	}
	return n.float == 0
}

// isInteger says whether the number has no fraction.
func (n number) isInteger() bool { return n.whole != nil || n.float == math.Trunc(n.float) }

// integer is the number without its fraction.
func (n number) integer() *big.Int {
	if n.whole != nil {
		return n.whole
	}
	i, _ := big.NewFloat(n.float).Int(nil)
	return i
}

// combine computes exactly with whole numbers and otherwise in floating point.
func combine(a, b number, whole func(z, x, y *big.Int) *big.Int, float func(x, y float64) float64) number {
	if a.whole != nil && b.whole != nil {
		return number{whole: whole(new(big.Int), a.whole, b.whole)}
	}
	return number{float: float(a.asFloat(), b.asFloat())}
}

func add(a, b number) number {
	return combine(a, b, (*big.Int).Add, func(x, y float64) float64 { return x + y })
}

func subtract(a, b number) number {
	return combine(a, b, (*big.Int).Sub, func(x, y float64) float64 { return x - y })
}

func multiply(a, b number) number {
	return combine(a, b, (*big.Int).Mul, func(x, y float64) float64 { return x * y })
}

// divide gives a whole number where it comes out even. b is not zero.
func divide(a, b number) number {
	if a.whole != nil && b.whole != nil {
		if q, r := new(big.Int).QuoRem(a.whole, b.whole, new(big.Int)); r.Sign() == 0 {
			return number{whole: q}
		}
	}
	return number{float: a.asFloat() / b.asFloat()}
}
