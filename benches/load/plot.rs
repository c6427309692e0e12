//! Processor time of a review by its size, as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::h2load::Protocol;
use crate::report::Row;

/// Of the reviews over HTTP/1.1, as API servers send them.
pub(crate) fn write(path: &Path, rows: &[Row]) -> anyhow::Result<()> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.protocol == Protocol::Http1).collect();
    let points = |verdict: &str, cost: fn(&Row) -> f64| {
        let rows = rows.iter().filter(|row| row.verdict == verdict);
        rows.map(|row| (f64::from(row.bytes), cost(row))).collect::<Vec<_>>()
    };
    let lines = [
        ("denied", RGBColor(178, 34, 34), points("denied", |row| row.compared.processor)),
        ("allowed", RGBColor(34, 110, 60), points("allowed", |row| row.compared.processor)),
        (
            "no-op on the same stack",
            RGBColor(110, 110, 110),
            points("allowed", |row| row.compared.processor_of_other),
        ),
    ];
    let costs = lines.iter().flat_map(|(_, _, points)| points.iter().map(|(_, cost)| *cost));
    let (least, most) = costs
        .fold((f64::INFINITY, 0.0_f64), |(least, most), cost| (least.min(cost), most.max(cost)));

    let area = SVGBackend::new(path, (760, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Processor time of a review (HTTP/1.1, TLS)", ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((2e3..1.5e7_f64).log_scale(), (least / 2.0..most * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("bytes of the review")
        .y_desc("processor time")
        .x_label_formatter(&|bytes| bytes_text(*bytes))
        .y_label_formatter(&|cost| time_text(*cost))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (name, colour, points) in lines {
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    area.present()?;
    Ok(())
}

fn bytes_text(bytes: f64) -> String {
    if bytes >= 1e6 { format!("{} MB", bytes / 1e6) } else { format!("{} KB", bytes / 1e3) }
}

fn time_text(microseconds: f64) -> String {
    if microseconds >= 1e3 {
        format!("{} ms", microseconds / 1e3)
    } else {
        format!("{microseconds} µs")
    }
}
