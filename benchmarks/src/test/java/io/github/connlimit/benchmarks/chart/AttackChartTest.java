package io.github.connlimit.benchmarks.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AttackChartTest {

    private static final String TABLE = """
            ## Jetty, clear text

            |  | others, p50 ms | ÷ calm | p99 ms |
            | --- | --- | --- | --- |
            | no protection | 8.95 (8.62–9.05) | 49.0 (48.4–50.5) | 13.87 |
            | Jetty's `ThreadLimitHandler` | 10.01 (9–11) | 57.3 (51.7–64.3) | 24.66 |
            | Jetty's `DoSHandler` | 3.31 (3.06–4.35) | 18.1 (17.8–24.4) | 6.19 |
            | connlimit | 0.13 (0.13–0.13) | 0.7 (0.7–0.8) | 1.03 |
            | HAProxy (`src_conn_cur`) in front | 0.11 (0.11–0.11) | 0.8 (0.7–0.7) | 0.49 |

            ## Tomcat NIO, clear text

            |  | others, p50 ms | ÷ calm | p99 ms |
            | --- | --- | --- | --- |
            | no protection | 5.37 (5.19–5.63) | 31.4 (29.8–31.7) | 19.46 |
            | Tomcat's `SemaphoreValve` | 5.91 (5.66–6.82) | 32.0 (29.4–34.6) | 15.19 |
            | connlimit | 0.12 (0.12–0.17) | 0.9 (0.7–0.8) | 2.19 |
            | HAProxy (`src_conn_cur`) in front | 0.14 (0.14–0.14) | 0.6 (0.7–0.7) | 2.29 |
            """;

    /** They are what the command makes of the committed table: run it again if the table has changed. */
    @ParameterizedTest
    @EnumSource
    void thePicturesShowTheTable(AttackChart.Theme theme) throws Exception {
        AttackChart chart = AttackChart.of(Files.readString(Path.of("results", "server-attack.md")));
        assertThat(Path.of("..", "docs", "images", theme.fileName())).hasContent(chart.svg(theme));
    }

    @Test
    void drawsTheContainersOwnBest() {
        String svg = AttackChart.of(TABLE).svg(AttackChart.Theme.LIGHT);
        assertThat(svg)
                .contains(
                        "Jetty: no protection 49×, DoSHandler 18×, connlimit 0.7×, HAProxy in front 0.8×. Tomcat NIO: no"
                                + " protection 31×, SemaphoreValve 32×, connlimit 0.9×, HAProxy in front 0.6×.")
                .doesNotContain("ThreadLimitHandler");
        assertThat(svg.split("<rect ")).hasSize(1 + 8);
    }

    @Test
    void missesNothingSilently() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AttackChart.of(TABLE.replace("## Tomcat NIO,", "## Tomcat NIO2,")))
                .withMessageContaining("Tomcat NIO, clear text");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AttackChart.of(TABLE.replace("| connlimit |", "| nothing |")))
                .withMessageContaining("connlimit");
    }
}
