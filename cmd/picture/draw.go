package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"maps"
	"math"
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
	width, height = 14 * vg.Inch, 11 * vg.Inch
	dpi           = 84
	caption       = "Drawn by “make picture”, not by Grafana: panels of the Overview dashboard, from logs of real Postfixes with scripted peers, played over a day."
	// The legend stands beside its plot, under the level of the title.
	legendWidth, titleHeight = 222, 26
	headroom                 = 1.08
)

var (
	ink, faint = color.RGBA{0x24, 0x29, 0x2f, 0xff}, color.RGBA{0x6e, 0x77, 0x81, 0xff}
	grid       = color.RGBA{0xe6, 0xe8, 0xeb, 0xff}
	page, card = color.RGBA{0xf4, 0xf5, 0xf6, 0xff}, color.White
	limit      = color.RGBA{0xb5, 0x17, 0x4f, 0xff}
	beyond     = color.RGBA{0xfb, 0xec, 0xf1, 0xff}
)

// draw writes the panels to a PNG file, two in a row.
func draw(file string, panels []panel, from, to time.Time) error {
	img := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(page))
	canvas := vgdraw.New(img)
	tiles := vgdraw.Tiles{
		Rows: (len(panels) + columns - 1) / columns, Cols: columns, PadX: 10, PadY: 10,
		PadTop: 10, PadBottom: 32, PadLeft: 10, PadRight: 10,
	}
	var plots [][]*plot.Plot
	var cells [][]vgdraw.Canvas
	for i, p := range panels {
		cell := tiles.At(canvas, i%columns, i/columns)
		cell.FillPolygon(card, corners(cell.Rectangle))
		cell = vgdraw.Crop(cell, 12, -12, 8, -10)
		p.head(cell)
		drawn, err := p.plot(from, to)
		if err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
		plots, cells = append(plots, []*plot.Plot{drawn}), append(cells, []vgdraw.Canvas{vgdraw.Crop(cell, 0, -legendWidth, 0, -titleHeight)})
	}
	for i := range plots {
		plots[i][0].Draw(cells[i][0])
	}
	canvas.FillText(style(10.5, faint), vg.Point{X: 14, Y: 11}, caption)

	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, reduce(img.Image())); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
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

// head draws the title, and on the right the name, colour and highest value of each curve.
func (p panel) head(cell vgdraw.Canvas) {
	const line, swatch = 15, 9
	title := style(13, ink)
	title.YAlign = text.YTop
	cell.FillText(title, vg.Point{X: cell.Min.X, Y: cell.Max.Y}, p.title)
	left := cell.Max.X - legendWidth + 14
	name, value := style(10, ink), style(10, faint)
	value.XAlign = text.XRight
	for i, c := range p.curves {
		y := cell.Max.Y - titleHeight - 10 - vg.Length(i)*line
		cell.FillPolygon(p.colour(c.name), corners(vg.Rectangle{Min: vg.Point{X: left, Y: y}, Max: vg.Point{X: left + swatch, Y: y + swatch}}))
		cell.FillText(name, vg.Point{X: left + swatch + 5, Y: y}, c.name)
		cell.FillText(value, vg.Point{X: cell.Max.X, Y: y}, p.format(c.highest()))
	}
}

// format returns a value with its unit.
func (p panel) format(v float64) string {
	if p.unit == "percentunit" {
		return fmt.Sprintf("%.0f %%", 100*v)
	}
	return fmt.Sprintf("%.1f /min", v)
}

// plot returns the plot of the panel.
func (p panel) plot(from, to time.Time) (*plot.Plot, error) {
	out := plot.New()
	out.BackgroundColor = color.Transparent
	out.X.Tick.Marker = plot.TimeTicks{Format: "15:04", Ticker: plot.TickerFunc(hours), Time: plot.UTCUnixTime}
	out.Y.Tick.Marker = plot.TickerFunc(p.ticks)
	for _, axis := range []*plot.Axis{&out.X, &out.Y} {
		axis.Tick.Label.Font, axis.Tick.Label.Color = style(9.5, faint).Font, faint
		axis.LineStyle.Width, axis.Tick.LineStyle.Width = 0, 0
		axis.Padding = 0
	}
	layers, top := p.layers(from, to)
	first, last := float64(from.Unix()), float64(to.Unix())
	if p.limit {
		top = max(top, 1.3)
		zone, err := plotter.NewPolygon(plotter.XYs{{X: first, Y: 1}, {X: last, Y: 1}, {X: last, Y: top}, {X: first, Y: top}})
		if err != nil {
			return nil, err
		}
		zone.Color, zone.LineStyle.Width = beyond, 0
		out.Add(zone)
	}
	lines := plotter.NewGrid()
	lines.Vertical.Color, lines.Horizontal.Color = grid, grid
	out.Add(lines)
	for i := len(layers) - 1; i >= 0; i-- { // the highest of a stack is behind the others
		if err := p.add(out, layers[i], p.colour(p.curves[i].name)); err != nil {
			return nil, err
		}
	}
	if p.limit {
		line, err := plotter.NewLine(plotter.XYs{{X: first, Y: 1}, {X: last, Y: 1}})
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = limit, vg.Points(1)
		out.Add(line)
	}
	out.X.Min, out.X.Max = first, last
	out.Y.Min, out.Y.Max = 0, top
	return out, nil
}

// add draws one curve. Where it has no values it has gaps.
func (p panel) add(out *plot.Plot, layer plotter.XYs, colour color.RGBA) error {
	for len(layer) > 0 {
		end := slices.IndexFunc(layer, func(at plotter.XY) bool { return math.IsNaN(at.Y) })
		if end < 0 {
			end = len(layer)
		}
		if end > 1 {
			line, err := plotter.NewLine(layer[:end])
			if err != nil {
				return err
			}
			line.Color, line.Width = colour, vg.Points(1.6)
			if p.stacked {
				line.Width, line.FillColor = vg.Points(0.5), colour
			}
			out.Add(line)
		}
		layer = layer[min(end+1, len(layer)):]
	}
	return nil
}

// layers returns the points of the curves at each step, one upon the other if they are
// stacked, and the top of the plot.
func (p panel) layers(from, to time.Time) (layers []plotter.XYs, top float64) {
	sum := map[int64]float64{}
	for _, c := range p.curves {
		values := map[int64]float64{}
		for _, at := range c.points {
			values[at.At.Unix()] = at.Value
		}
		var layer plotter.XYs
		for at := from; !at.After(to); at = at.Add(step) {
			value, ok := values[at.Unix()]
			switch {
			case p.stacked:
				if ok && !math.IsNaN(value) {
					sum[at.Unix()] += value
				}
				value = sum[at.Unix()]
			case !ok:
				value = math.NaN()
			}
			layer = append(layer, plotter.XY{X: float64(at.Unix()), Y: value})
			if value > top {
				top = value
			}
		}
		layers = append(layers, layer)
	}
	if p.stacked && p.unit == "percentunit" {
		return layers, 1
	}
	return layers, top * headroom
}

// ticks returns about five ticks with labels.
func (p panel) ticks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(high/2)))
	for _, factor := range []float64{5, 2.5, 2} {
		if high/(step*factor) >= 3 {
			step *= factor
			break
		}
	}
	var ticks []plot.Tick
	for v := low; v <= high*1.001; v += step {
		label := fmt.Sprintf("%.3g /min", v)
		if p.unit == "percentunit" {
			label = fmt.Sprintf("%.0f %%", 100*v)
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
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

func style(size float64, colour color.Color) text.Style {
	return text.Style{
		Color: colour, Font: font.Font{Typeface: plot.DefaultFont.Typeface, Variant: "Sans", Size: vg.Points(size)}, Handler: plot.DefaultTextHandler,
	}
}
