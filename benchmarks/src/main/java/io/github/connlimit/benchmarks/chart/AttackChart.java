package io.github.connlimit.benchmarks.chart;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the other clients notice of an attack, as bars: their median latency as a multiple of a calm server's, for Jetty and
 * Tomcat NIO in clear text, without protection, with the container's own best means, with connlimit and with HAProxy in
 * front. This class is immutable.
 */
final class AttackChart {

    private static final Pattern ROW = Pattern.compile("\\| ([^|]+) \\| [^|]+ \\| ([0-9.]+) [^|]*\\|.*");
    private static final Pattern CODE = Pattern.compile(".*`([^`]+)`.*");

    private static final int WIDTH = 640;
    private static final int LEFT = 190;
    private static final int RIGHT = 60;
    private static final int TOP = 56;
    private static final int BAR = 22;
    private static final int GAP = 8;
    private static final int GROUP_GAP = 44;

    /** The colours of a page. */
    enum Theme {
        LIGHT("#1f2328", "#59636e", "#afb8c1", "#1a7f37"),
        DARK("#f0f6fc", "#9198a1", "#656c76", "#3fb950");

        private final String text;
        private final String dim;
        private final String bar;
        private final String own;

        Theme(String text, String dim, String bar, String own) {
            this.text = text;
            this.dim = dim;
            this.bar = bar;
            this.own = own;
        }

        String fileName() {
            return "attack-" + name().toLowerCase(Locale.ROOT) + ".svg";
        }
    }

    /** How much longer the others wait with one protection. */
    private record Bar(String label, double ratio) {}

    private record Group(String title, List<Bar> bars) {}

    private final List<Group> groups;

    private AttackChart(List<Group> groups) {
        this.groups = List.copyOf(groups);
    }

    /** @param table the text that the benchmark has written */
    static AttackChart of(String table) {
        return new AttackChart(List.of(
                group("Jetty", section(table, "## Jetty, clear text")),
                group("Tomcat NIO", section(table, "## Tomcat NIO, clear text"))));
    }

    private static String section(String table, String heading) {
        int begin = table.indexOf(heading + "\n");
        if (begin < 0) {
            throw new IllegalArgumentException("the table has no section \"" + heading + "\"");
        }
        int end = table.indexOf("\n## ", begin + 1);
        return table.substring(begin, end < 0 ? table.length() : end);
    }

    private static Group group(String title, String section) {
        List<Bar> rows = new ArrayList<>();
        Matcher row = ROW.matcher("");
        section.lines()
                .filter(line -> row.reset(line).matches())
                .forEach(line -> rows.add(new Bar(row.group(1), Double.parseDouble(row.group(2)))));
        Bar best = rows.stream()
                .filter(bar -> bar.label().matches("(Jetty|Tomcat)'s .*"))
                .min(Comparator.comparingDouble(Bar::ratio))
                .orElseThrow();
        return new Group(
                title,
                List.of(
                        row(rows, "no protection", "no protection"),
                        new Bar(CODE.matcher(best.label()).replaceAll("$1"), best.ratio()),
                        row(rows, "connlimit", "connlimit"),
                        row(rows, "HAProxy", "HAProxy in front")));
    }

    private static Bar row(List<Bar> rows, String begin, String label) {
        return rows.stream()
                .filter(bar -> bar.label().startsWith(begin))
                .map(bar -> new Bar(label, bar.ratio()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("the table has no row \"" + begin + "\""));
    }

    String svg(Theme theme) {
        double most = groups.stream()
                .flatMap(group -> group.bars().stream())
                .mapToDouble(Bar::ratio)
                .max()
                .orElseThrow();
        StringBuilder svg = new StringBuilder();
        int y = TOP;
        for (Group group : groups) {
            y += 20;
            text(svg, 0, y, theme.text, "start", "600", group.title());
            y += 12;
            for (Bar bar : group.bars()) {
                boolean own = bar.label().equals("connlimit");
                double length = Math.max(2, bar.ratio() / most * (WIDTH - LEFT - RIGHT));
                text(svg, LEFT - 10, y + 16, theme.text, "end", own ? "600" : "400", bar.label());
                svg.append(String.format(
                        Locale.ROOT,
                        "  <rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\" fill=\"%s\"/>%n",
                        LEFT,
                        y,
                        length,
                        BAR,
                        own ? theme.own : theme.bar));
                text(svg, LEFT + length + 8, y + 16, theme.text, "start", own ? "600" : "400", times(bar.ratio()));
                y += BAR + GAP;
            }
            y += GROUP_GAP - BAR;
        }
        int height = y - GROUP_GAP + BAR + 4;
        StringBuilder head = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"title"
                        + " description\" font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""
                        + " font-size=\"15\">%n",
                WIDTH,
                height));
        head.append("  <title id=\"title\">One client floods: how much longer the others wait</title>\n");
        head.append("  <desc id=\"description\">").append(description()).append("</desc>\n");
        text(head, 0, 20, theme.text, "start", "600", "One client floods. How long do the others wait?");
        text(head, 0, 42, theme.dim, "start", "400", "Median latency, as a multiple of a calm server's");
        return head.append(svg).append("</svg>\n").toString().replace(System.lineSeparator(), "\n");
    }

    private String description() {
        List<String> sentences = new ArrayList<>();
        for (Group group : groups) {
            List<String> bars = new ArrayList<>();
            group.bars().forEach(bar -> bars.add(bar.label() + " " + times(bar.ratio())));
            sentences.add(group.title() + ": " + String.join(", ", bars) + ".");
        }
        return String.join(" ", sentences);
    }

    private static String times(double ratio) {
        return String.format(Locale.ROOT, ratio < 10 ? "%.1f×" : "%.0f×", ratio);
    }

    private static void text(
            StringBuilder svg, double x, double y, String colour, String anchor, String weight, String text) {
        svg.append(String.format(
                Locale.ROOT,
                "  <text x=\"%.1f\" y=\"%.1f\" fill=\"%s\" text-anchor=\"%s\" font-weight=\"%s\">%s</text>%n",
                x,
                y,
                colour,
                anchor,
                weight,
                text.replace("&", "&amp;").replace("<", "&lt;")));
    }
}
