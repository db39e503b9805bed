package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"maps"
	"os"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

const (
	columns       = 2
	width, height = 14 * vg.Inch, 12 * vg.Inch
	dpi           = 84
	caption       = "Drawn by “make picture”, not by Grafana: the queries of the Overview dashboard, from logs of real Postfixes with scripted peers, played over a day. Dashed: where an alert begins."
	// The height of a panel, as a multiple of its highest curve, leaves room for the
	// legend, and for thresholds.
	headroom, withThresholds = 1.4, 2.1
)

var (
	// For curves from the highest down. The colours are distinguishable with any kind of
	// colour vision.
	palette = []color.RGBA{
		{0x00, 0x72, 0xb2, 0xff},
		{0xd5, 0x5e, 0x00, 0xff},
		{0x00, 0x9e, 0x73, 0xff},
		{0xcc, 0x79, 0xa7, 0xff},
		{0xe6, 0x9f, 0x00, 0xff},
		{0x56, 0xb4, 0xe9, 0xff},
	}
	// By the first character of a code or class, as in the dashboards.
	classes = map[byte]color.RGBA{'2': {0x37, 0x87, 0x2d, 0xff}, '4': {0xff, 0x98, 0x30, 0xff}, '5': {0xc4, 0x16, 0x2a, 0xff}, 'n': {0x70, 0x70, 0x70, 0xff}}
	grid    = color.Gray{0xe4}
	units   = map[string]string{"cpm": "a minute", "percentunit": "share"}
)

// draw writes the panels to a PNG file, two in a row.
func draw(file string, panels []panel, from, to time.Time) error {
	img := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	canvas := vgdraw.New(img)
	plots := make([][]*plot.Plot, (len(panels)+columns-1)/columns)
	for i, p := range panels {
		drawn, err := p.plot(from, to)
		if err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
		plots[i/columns] = append(plots[i/columns], drawn)
	}
	tiles := vgdraw.Tiles{
		Rows: len(plots), Cols: columns, PadX: 24, PadY: 44,
		PadTop: 24, PadBottom: 36, PadLeft: 12, PadRight: 20,
	}
	for row, cells := range plot.Align(plots, tiles, canvas) {
		for column, cell := range cells {
			plots[row][column].Draw(cell)
		}
	}
	canvas.FillText(style(11), vg.Point{X: 16, Y: 12}, caption)

	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, reduce(img.Image())); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// reduce keeps the 256 most frequent colors, which takes a third of the bytes.
func reduce(img image.Image) image.Image {
	frequency := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			frequency[img.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(frequency), func(a, b color.Color) int { return frequency[b] - frequency[a] })
	out := image.NewPaletted(img.Bounds(), colors[:min(256, len(colors))])
	imagedraw.Draw(out, out.Bounds(), img, image.Point{}, imagedraw.Src)
	return out
}

// plot returns the plot of the panel.
func (p panel) plot(from, to time.Time) (*plot.Plot, error) {
	out := plot.New()
	out.Title.Text = p.title
	out.Title.TextStyle = style(14)
	out.Title.TextStyle.XAlign = text.XCenter
	out.Title.Padding = 0
	out.X.Tick.Marker = plot.TimeTicks{Format: "15:04", Ticker: plot.TickerFunc(hours), Time: plot.UTCUnixTime}
	out.X.Min, out.X.Max = float64(from.Unix()), float64(to.Unix())
	out.X.Tick.Label.Font, out.Y.Tick.Label.Font = style(10).Font, style(10).Font
	out.Y.Label.Text, out.Y.Label.TextStyle.Font = units[p.unit], style(10).Font
	out.Y.Min = 0
	out.Legend.Top = true
	out.Legend.Left = true
	out.Legend.TextStyle = style(10)
	lines := plotter.NewGrid()
	lines.Vertical.Color, lines.Horizontal.Color = grid, grid
	out.Add(lines)

	colors := map[string]color.Color{}
	// A threshold far above the curves would flatten them.
	top := p.curves[0].highest() * headroom
	if p.curves[len(p.curves)-1].threshold {
		top = p.curves[0].highest() * withThresholds
	}
	for i, c := range p.curves {
		if !c.threshold {
			colors[c.name] = palette[i%len(palette)]
			if class, ok := classes[c.name[0]]; ok && p.unit == "percentunit" {
				colors[c.name] = class
			}
		}
		points := plotter.XYs{}
		for _, at := range c.points {
			if at.Value <= top {
				points = append(points, plotter.XY{X: float64(at.At.Unix()), Y: at.Value})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colors[c.name], vg.Points(1.6)
		out.Add(line)
		if c.threshold {
			line.Width, line.Dashes = vg.Points(1.2), []vg.Length{vg.Points(5), vg.Points(4)}
			continue
		}
		out.Legend.Add(c.name, line)
	}
	out.X.Min, out.X.Max = float64(from.Unix()), float64(to.Unix())
	out.Y.Max = top
	return out, nil
}

// hours returns ticks every four hours.
func hours(low, high float64) []plot.Tick {
	const step = 4 * 3600
	var ticks []plot.Tick
	for at := (int64(low) + step - 1) / step * step; at <= int64(high); at += step {
		ticks = append(ticks, plot.Tick{Value: float64(at), Label: "hour"})
	}
	return ticks
}

func style(size float64) text.Style {
	return text.Style{
		Color: color.Black, Font: font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans", Size: vg.Points(size)}, Handler: plot.DefaultTextHandler,
	}
}
