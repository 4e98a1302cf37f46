package shrink

// General is the part of a reason that must stay, for tests.
func General(line string, names []string) string { return general(line, names) }

// Smaller lists what a line may become, for tests.
func Smaller(line string) []string { return smaller(line) }
