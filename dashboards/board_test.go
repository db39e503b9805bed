package dashboards

import (
	"encoding/json"
	"fmt"
)

// A board holds the parts of a Grafana dashboard that these tests check.
type board struct {
	UID, Title, Description string
	SchemaVersion           int
	Panels                  []panel
	Links                   []struct{ Type string }
	Templating              struct {
		List []struct{ Name, Definition string }
	}
	Annotations struct {
		List []struct{ Expr string }
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Collapsed                bool
	GridPos                  struct{ X, Y, W, H int }
	Datasource               struct{ UID string }
	Targets                  []target
	FieldConfig              struct {
		Defaults  defaults
		Overrides []override
	}
	Options options
	Panels  []panel
}

type target struct {
	Expr, RefID, LegendFormat string
	Instant                   bool
}

type defaults struct {
	Unit, NoValue string
	Decimals      *int
	Mappings      []mapping
	Thresholds    thresholds
	Color         struct{ Mode, FixedColor string }
	Custom        struct {
		Filterable      bool
		ThresholdsStyle struct{ Mode string }
	}
}

type options struct {
	ReduceOptions struct{ Calcs []string }
	Legend        struct {
		DisplayMode, Placement, SortBy string
		SortDesc                       bool
		Width                          int
	}
	Tooltip struct {
		Mode, Sort string
		HideZeros  bool
		MaxHeight  int
	}
	SortBy []struct{ DisplayName string }
}

type override struct {
	Matcher    struct{ ID, Options string }
	Properties []property
}

type property struct {
	ID    string
	Value any
}

type thresholds struct {
	Steps []struct {
		Color string
		Value *float64
	}
}

type result struct{ Text, Color string }

// A mapping has a result for special values or, in values, for each of some values.
type mapping struct {
	Type    string
	Options struct {
		Match  string
		Result result
	}
	values map[string]result
}

func (m *mapping) UnmarshalJSON(text []byte) error {
	var kind struct {
		Type    string
		Options json.RawMessage
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return err
	}
	m.Type = kind.Type
	switch m.Type {
	case "special":
		return json.Unmarshal(kind.Options, &m.Options)
	case "value":
		return json.Unmarshal(kind.Options, &m.values)
	}
	return fmt.Errorf("mapping of type %q", m.Type)
}

// property returns the value of a property of the fields with a name, or nil.
func (p panel) property(field, id string) any {
	for _, o := range p.FieldConfig.Overrides {
		for _, q := range o.Properties {
			if o.Matcher.Options == field && q.ID == id {
				return q.Value
			}
		}
	}
	return nil
}
