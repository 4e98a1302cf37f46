package incident

import "slices"

// Widths of the picture's columns, in pixels.
const (
	timeWidth   = 62
	usersWidth  = 152
	consulWidth = 146
	leaseWidth  = 9
	guardWidth  = 46
	callWidth   = 48
	gap         = 10
)

// column is one column of the picture.
type column struct {
	X, W int
	Name string
}

// lane is one lane with its columns.
type lane struct {
	X, W    int
	Name    string
	Columns []column
}

// lanes is where everything goes, from left to right.
type lanes struct {
	all   []lane
	apps  []string // each has its share of a handler's column and of a background
	width int
}

func newLanes(nodes, apps []string) *lanes {
	l := &lanes{apps: apps, width: timeWidth}
	l.add(users, column{W: usersWidth})
	l.add(consul, column{W: consulWidth})
	handler := max(142, 112*max(len(apps), 1))
	for _, n := range nodes {
		l.add(n, column{W: leaseWidth * max(len(apps), 1)}, column{Name: handlerPart, W: handler}, column{Name: guardPart, W: guardWidth},
			column{Name: dockerPart, W: callWidth}, column{Name: driverPart, W: callWidth})
	}
	return l
}

func (l *lanes) add(name string, columns ...column) {
	n := lane{X: l.width, Name: name}
	for _, c := range columns {
		c.X = l.width + n.W
		n.W += c.W
		n.Columns = append(n.Columns, c)
	}
	l.width += n.W + gap
	l.all = append(l.all, n)
}

// lane finds a lane by name; a name that is none is of the users.
func (l *lanes) lane(name string) lane {
	if i := slices.IndexFunc(l.all, func(n lane) bool { return n.Name == name }); i >= 0 {
		return l.all[i]
	}
	return l.all[0]
}

// part finds a column of a lane, the first when there is none of that name.
func (n lane) part(name string) column {
	if i := slices.IndexFunc(n.Columns, func(c column) bool { return c.Name == name }); i >= 0 {
		return n.Columns[i]
	}
	return n.Columns[0]
}

// share is the part of a width that belongs to an application.
func (l *lanes) share(x, w int, app string) (int, int) {
	i := slices.Index(l.apps, app)
	if i < 0 || len(l.apps) < 2 {
		return x, w
	}
	each := w / len(l.apps)
	return x + i*each, each
}

// place is where an item stands.
func (l *lanes) place(it item) (x, w int) {
	c := l.lane(it.lane).part(it.part)
	if it.part == handlerPart && it.app != "" {
		return l.share(c.X, c.W, it.app)
	}
	return c.X, c.W
}
