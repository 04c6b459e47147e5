package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DeadlinesTest {

    private static final ConnectionPhase PHASE = ConnectionPhase.FIRST_BYTE;

    private final Deadlines<String> deadlines = new Deadlines<>();

    @Test
    void expireInTheOrderTheyWereSet() {
        deadlines.add("a", PHASE, 10, 0);
        deadlines.add("b", PHASE, 10, 5);
        assertThat(deadlines.pollExpired(9)).isNull();
        assertThat(deadlines.pollExpired(10).channel()).isEqualTo("a");
        assertThat(deadlines.pollExpired(14)).isNull();
        assertThat(deadlines.pollExpired(15).channel()).isEqualTo("b");
        assertThat(deadlines.size()).isZero();
    }

    @Test
    void ofAnotherLengthAreNotHeldUp() {
        deadlines.add("long", PHASE, 100, 0);
        deadlines.add("short", PHASE, 10, 1);
        assertThat(deadlines.pollExpired(11).channel()).isEqualTo("short");
        assertThat(deadlines.pollExpired(99)).isNull();
        assertThat(deadlines.pollExpired(100).channel()).isEqualTo("long");
    }

    @Test
    void thatAreMetHoldOnToNothingAndDoNotExpire() {
        Deadlines.Entry<String> first = deadlines.add("a", PHASE, 10, 0);
        deadlines.add("b", PHASE, 10, 0);
        first.met();
        assertThat(first.channel()).isNull();
        assertThat(deadlines.pollExpired(10).channel()).isEqualTo("b");
        assertThat(deadlines.pollExpired(10)).isNull();
    }

    @Test
    void thatAreMetLeaveTheHeadOfTheQueueBeforeTheirTime() {
        deadlines.add("a", PHASE, 10, 0).met();
        deadlines.add("b", PHASE, 10, 0);
        assertThat(deadlines.pollExpired(1)).isNull();
        assertThat(deadlines.size()).isEqualTo(1);
    }

    @Test
    void tellHowLongUntilTheNext() {
        assertThat(deadlines.nanosToNext(0, 7)).isEqualTo(7);
        deadlines.add("a", PHASE, 10, 0);
        deadlines.add("b", PHASE, 3, 4);
        assertThat(deadlines.nanosToNext(4, 70)).isEqualTo(3);
        assertThat(deadlines.nanosToNext(9, 70)).isEqualTo(-2);
        assertThat(deadlines.nanosToNext(4, 2)).isEqualTo(2);
    }

    @Test
    void doNotMindThatTheClockOverflows() {
        long now = Long.MAX_VALUE - 5;
        deadlines.add("a", PHASE, 10, now);
        assertThat(deadlines.pollExpired(now + 9)).isNull();
        assertThat(deadlines.nanosToNext(now + 9, 100)).isEqualTo(1);
        assertThat(deadlines.pollExpired(now + 10).channel()).isEqualTo("a");
    }
}
