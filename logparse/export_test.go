package logparse

// Form is a form of a header: its name and an example.
type Form struct{ Name, Example string }

// Forms returns the forms of headers.
func Forms() (all []Form) {
	for i := range forms {
		all = append(all, Form{forms[i].name, forms[i].example})
	}
	return all
}
