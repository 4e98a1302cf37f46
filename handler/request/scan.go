package request

import "bytes"

// scan goes through JSON that is known to be valid, value by value.
type scan struct {
	data []byte
	at   int
}

// next is the next byte that is not white space, without taking it.
func (s *scan) next() byte {
	for bytes.IndexByte([]byte(" \t\r\n"), s.data[s.at]) >= 0 {
		s.at++
	}
	return s.data[s.at]
}

// skip takes c if it comes next.
func (s *scan) skip(c byte) {
	if s.next() == c {
		s.at++
	}
}

// value takes the next value, whatever it is, and returns its bytes.
func (s *scan) value() []byte {
	first := s.next()
	start := s.at
	switch first {
	case '"':
		s.text()
	case '{', '[':
		s.nested()
	default:
		for s.at < len(s.data) && bytes.IndexByte([]byte(" \t\r\n,]}"), s.data[s.at]) < 0 {
			s.at++
		}
	}
	return s.data[start:s.at]
}

func (s *scan) text() {
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

func (s *scan) nested() {
	for depth := 0; ; {
		switch s.data[s.at] {
		case '"':
			s.text()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}
