package io.github.connlimit.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class SeriesTest {

    @Test
    void theMedianIsTheMiddleOne() {
        assertThat(new Series(3, 1, 2).median()).isEqualTo(2);
        assertThat(new Series(4, 1, 2, 3).median()).isEqualTo(2.5);
        assertThat(Series.of(List.of(7.0)).median()).isEqualTo(7);
    }

    @Test
    void aRatioIsTakenRoundByRound() {
        assertThat(new Series(2, 9).over(new Series(1, 3)).values()).containsExactly(2, 3);
    }

    @Test
    void seriesOfDifferentRoundsHaveNoRatio() {
        assertThatThrownBy(() -> new Series(1, 2).over(new Series(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("2 rounds against 1");
    }

    @Test
    void textTellsTheSpread() {
        assertThat(new Series(1.5, 1, 1234.5).text(1)).isEqualTo("1.5 (1.0–1,234.5)");
        assertThat(new Series(1.25).text(2)).isEqualTo("1.25");
    }

    @Test
    void aTargetIsReachedOrMissed() {
        assertThat(Target.atMost(1.3).verdict(1.3)).isEqualTo("≤ 1.30: reached");
        assertThat(Target.atMost(32).verdict(33)).isEqualTo("≤ 32: **missed**");
        assertThat(Target.atLeast(5).verdict(4.99)).isEqualTo("≥ 5: **missed**");
        assertThat(Target.atLeast(0.97).verdict(1)).isEqualTo("≥ 0.97: reached");
    }

    @Test
    void aTableHasAsManyCellsInEachRow() {
        Report.Table table = new Report.Table("a", "b").row(1, "x");

        assertThat(table).hasToString("| a | b |\n| --- | --- |\n| 1 | x |\n");
        assertThatThrownBy(() -> table.row(1)).hasMessage("1 cells for 2 columns");
    }
}
