package provider

import (
	"net/url"
	"slices"
	"testing"
)

func TestPages(t *testing.T) {
	for label, page := range pages() {
		if u, err := url.Parse(page); !slices.Contains(Names(), label) || err != nil || u.Scheme != "https" {
			t.Errorf("%s: %s", label, page)
		}
	}
	if len(pages()) == 0 || Page(Other) != "" {
		t.Errorf("%d pages, %q for other", len(pages()), Page(Other))
	}
}
