package inspect

import (
	"math"
	"strings"
	"unicode/utf8"
)

// host is the domain of an address in its one spelling: lower case, other
// letters as xn--…, without scheme, user, port, path and final dot. "" says
// that there is none.
func host(address string) string {
	text := strings.TrimSpace(address)
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if i := strings.IndexAny(text, "/?#"); i >= 0 {
		text = text[:i]
	}
	text = text[strings.LastIndexByte(text, '@')+1:]
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		text = text[:i]
	}
	text = strings.TrimSuffix(strings.ToLower(text), ".")
	if strings.IndexFunc(text, func(c rune) bool { return c >= utf8.RuneSelf }) < 0 {
		return text // the usual case
	}
	text = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(text) // dots of other scripts
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	for i, l := range labels {
		labels[i] = ascii(l)
	}
	return strings.Join(labels, ".")
}

// ascii is a label as DNS has it: one with other letters by RFC 3492.
func ascii(label string) string {
	var plain strings.Builder
	for _, c := range label {
		if c < utf8.RuneSelf {
			plain.WriteRune(c)
		}
	}
	if plain.Len() == len(label) || len(label) > 255 {
		return label // or no label at all
	}
	out := plain.String()
	if out != "" {
		out += "-"
	}
	return "xn--" + out + deltas([]rune(label), plain.Len())
}

// deltas says at which places the other letters stand, the smallest letter
// first; done of the label's letters are plain.
func deltas(label []rune, done int) (out string) {
	last, delta, bias, first := rune(utf8.RuneSelf), 0, 72, true
	for done < len(label) {
		next := rune(math.MaxInt32)
		for _, c := range label {
			if c >= last {
				next = min(next, c)
			}
		}
		delta += int(next-last) * (done + 1)
		for _, c := range label {
			if c < next {
				delta++
			}
			if c == next {
				done++
				out += digits(delta, bias)
				bias, first, delta = adapted(delta, done, first), false, 0
			}
		}
		last, delta = next+1, delta+1
	}
	return out
}

// digits is a number in the digits of variable worth of RFC 3492.
func digits(n, bias int) (out string) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	for k := 36; ; k += 36 {
		t := min(max(k-bias, 1), 26)
		if n < t {
			return out + string(alphabet[n])
		}
		out += string(alphabet[t+(n-t)%(36-t)])
		n = (n - t) / (36 - t)
	}
}

// adapted is the bias after a delta: the next one is expected to be like it.
func adapted(delta, points int, first bool) int {
	if first {
		delta /= 700
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for ; delta > 455; k += 36 {
		delta /= 35
	}
	return k + 36*delta/(delta+38)
}
