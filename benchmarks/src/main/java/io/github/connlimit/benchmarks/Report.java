package io.github.connlimit.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** The results of one part as a Markdown file: what was measured on what, then tables. Not thread-safe. */
public final class Report {

    private final StringBuilder text = new StringBuilder();

    /**
     * Begins a report.
     *
     * @param title what was measured
     * @param how how it was measured, in a sentence or two
     */
    public Report(String title, String how) {
        text.append("# ").append(title).append("\n\n");
        text.append(LocalDate.now(ZoneOffset.UTC))
                .append(", ")
                .append(Machine.describe())
                .append(".\n\n");
        paragraph(how);
    }

    public Report paragraph(String paragraph) {
        text.append(paragraph).append("\n\n");
        return this;
    }

    public Report heading(String heading) {
        text.append("## ").append(heading).append("\n\n");
        return this;
    }

    public Report table(Table table) {
        text.append(table).append('\n');
        return this;
    }

    /** Writes the report, shows it, and says where it is. */
    public void write(Path directory, String file) throws IOException {
        Files.createDirectories(directory);
        Path target = directory.resolve(file);
        Files.writeString(target, text.toString().stripTrailing() + "\n");
        System.out.println();
        System.out.println(text.toString().stripTrailing());
        System.out.println();
        System.out.println("written to " + target);
    }

    /** A Markdown table. Not thread-safe. */
    public static final class Table {

        private final List<List<String>> rows = new ArrayList<>();

        public Table(String... heads) {
            rows.add(List.of(heads));
        }

        public Table row(Object... cells) {
            if (cells.length != rows.get(0).size()) {
                throw new IllegalArgumentException(
                        cells.length + " cells for " + rows.get(0).size() + " columns");
            }
            rows.add(Arrays.stream(cells).map(String::valueOf).toList());
            return this;
        }

        public boolean isEmpty() {
            return rows.size() == 1;
        }

        @Override
        public String toString() {
            StringBuilder markdown = new StringBuilder();
            for (int i = 0; i < rows.size(); i++) {
                markdown.append(rows.get(i).stream().collect(Collectors.joining(" | ", "| ", " |\n")));
                if (i == 0) {
                    markdown.append("| --- ".repeat(rows.get(0).size())).append("|\n");
                }
            }
            return markdown.toString();
        }
    }
}
