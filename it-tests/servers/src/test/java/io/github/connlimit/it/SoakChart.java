package io.github.connlimit.it;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Draws series over one time as an SVG, one below the other, each with its trend, so that what grows is seen. */
final class SoakChart {

    private static final int WIDTH = 900;
    private static final int LEFT = 70;
    private static final int RIGHT = 30;
    private static final int TOP = 80;
    private static final int HEIGHT = 130;
    private static final int GAP = 55;
    private static final int MARKS = 4;

    private final String title;
    private final String subtitle;
    private final double trendFrom;
    private final double trendTo;

    /** What is measured again and again. Not thread-safe. */
    static final class Series {

        private final String name;
        private final String unit;
        private final List<double[]> points = new ArrayList<>();

        Series(String name, String unit) {
            this.name = name;
            this.unit = unit;
        }

        void add(double minute, double value) {
            points.add(new double[] {minute, value});
        }

        private double most() {
            return points.stream().mapToDouble(point -> point[1]).max().orElse(0);
        }

        private double lastMinute() {
            return points.isEmpty() ? 0 : points.get(points.size() - 1)[0];
        }

        /** The straight line that fits best, as the value at minute 0 and the growth in a minute. */
        private double[] trend(double from, double to) {
            List<double[]> used = points.stream()
                    .filter(point -> point[0] >= from && point[0] <= to)
                    .toList();
            double x = used.stream().mapToDouble(point -> point[0]).average().orElse(0);
            double y = used.stream().mapToDouble(point -> point[1]).average().orElse(0);
            double xy = used.stream()
                    .mapToDouble(point -> (point[0] - x) * (point[1] - y))
                    .sum();
            double xx = used.stream()
                    .mapToDouble(point -> (point[0] - x) * (point[0] - x))
                    .sum();
            double slope = xx == 0 ? 0 : xy / xx;
            return new double[] {y - slope * x, slope};
        }
    }

    /** @param trendFrom from which minute the trend is told, until {@code trendTo} */
    SoakChart(String title, String subtitle, double trendFrom, double trendTo) {
        this.title = title;
        this.subtitle = subtitle;
        this.trendFrom = trendFrom;
        this.trendTo = trendTo;
    }

    String svg(List<Series> all) {
        int height = TOP + all.size() * (HEIGHT + GAP) + 10;
        StringBuilder svg = new StringBuilder(format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
                        + " font-family=\"sans-serif\" font-size=\"13\" fill=\"#333\">%n",
                WIDTH, height, WIDTH, height));
        svg.append(format("<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", WIDTH, height));
        svg.append(format("<text x=\"%d\" y=\"28\" font-size=\"18\" font-weight=\"bold\">%s</text>%n", LEFT, title));
        svg.append(format("<text x=\"%d\" y=\"48\">%s</text>%n", LEFT, subtitle));
        double minutes = all.stream().mapToDouble(Series::lastMinute).max().orElse(1);
        for (int i = 0; i < all.size(); i++) {
            panel(svg, all.get(i), TOP + i * (HEIGHT + GAP), minutes);
        }
        return svg.append("</svg>\n").toString();
    }

    private void panel(StringBuilder svg, Series series, int top, double minutes) {
        double step = step(series.most());
        double most = step * MARKS;
        double[] trend = series.trend(trendFrom, trendTo);
        svg.append(format("<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>%n", LEFT, top - 8, series.name));
        svg.append(format(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#b5441c\">trend from minute %.0f: %.1f%s, %+.2f a"
                        + " minute</text>%n",
                WIDTH - RIGHT, top - 8, trendFrom, trend[0] + trend[1] * trendFrom, series.unit, trend[1]));
        for (int mark = 0; mark <= MARKS; mark++) {
            double y = y(top, mark * step, most);
            svg.append(format(
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>%n",
                    LEFT, y, WIDTH - RIGHT, y));
            svg.append(format(
                    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>%n",
                    LEFT - 8, y + 4, format("%.0f", mark * step)));
        }
        int every = (int) Math.max(1, Math.ceil(minutes / 12));
        for (int minute = 0; minute <= minutes; minute += every) {
            svg.append(format(
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d%s</text>%n",
                    x(minute, minutes), top + HEIGHT + 18, minute, minute == 0 ? " min" : ""));
        }
        StringBuilder line = new StringBuilder();
        for (double[] point : series.points) {
            line.append(format("%.1f,%.1f ", x(point[0], minutes), y(top, point[1], most)));
        }
        svg.append(format(
                "<polyline points=\"%s\" fill=\"none\" stroke=\"#1f5f99\" stroke-width=\"1.5\"/>%n",
                line.toString().trim()));
        svg.append(format(
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#b5441c\" stroke-dasharray=\"6 4\""
                        + " stroke-width=\"1.5\"/>%n",
                x(trendFrom, minutes),
                y(top, trend[0] + trend[1] * trendFrom, most),
                x(trendTo, minutes),
                y(top, trend[0] + trend[1] * trendTo, most)));
    }

    /** Such that a few steps of 1, 2 or 5 times a power of ten reach the top. */
    private static double step(double most) {
        double step = 1;
        for (int i = 0; step * MARKS < most; i++) {
            step *= i % 3 == 1 ? 2.5 : 2;
        }
        return step;
    }

    private static double x(double minute, double minutes) {
        return LEFT + minute / minutes * (WIDTH - LEFT - RIGHT);
    }

    private static double y(int top, double value, double most) {
        return top + HEIGHT - value / most * HEIGHT;
    }

    private static String format(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }
}
