package io.github.connlimit.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HeldReservationTest {

    private static final long LEASE = 300;

    private final HeldReservation held = new HeldReservation("a", "192.0.2.1/32", LEASE);
    private long number;

    private ReservationRequest ask(int wanted, long now) {
        return held.ask(++number, wanted, wanted, 1, held.held(now), 100, now);
    }

    private static Reservation granted(int connections) {
        return new Reservation(connections, 0, 0, 0, 0, "epoch");
    }

    /** Whatever is granted: as much, more or less. */
    @Test
    void eachAnswerBeginsALeaseWhenItsRequestWasSent() {
        for (int connections : new int[] {40, 40, 50, 30, 30}) {
            ReservationRequest request = ask(connections, number * 100);
            assertThat(held.answered(request.number(), granted(connections))).isTrue();
            long sent = (number - 1) * 100;
            assertThat(held.held(sent + LEASE - 1)).isEqualTo(connections);
            assertThat(held.held(sent + LEASE)).isZero();
        }
    }

    @Test
    void whatIsGivenBackIsNotHeldWhileTheRequestIsUnderWay() {
        held.answered(ask(40, 0).number(), granted(40));
        ReservationRequest less = ask(10, 100);
        assertThat(held.held(100)).isEqualTo(10);
        assertThat(less.held()).isEqualTo(10);
        ReservationRequest more = ask(50, 110);
        assertThat(more.held()).isEqualTo(10);
        assertThat(held.held(110)).isEqualTo(10);
    }

    @Test
    void onlyTheAnswerToTheLatestCounts() {
        ReservationRequest first = ask(40, 0);
        ReservationRequest second = ask(20, 10);
        assertThat(held.answered(first.number(), granted(40))).isFalse();
        assertThat(held.held(20)).isZero();
        assertThat(held.answered(second.number(), new Reservation(40, Reservation.LATE, 0, 0, 0, "epoch")))
                .isFalse();
        assertThat(held.held(20)).isZero();
        assertThat(held.answered(second.number(), granted(20))).isTrue();
        assertThat(held.held(20)).isEqualTo(20);
    }

    @Test
    void aClientIsInTheSameSliceOnEachNode() {
        assertThat(held.slice()).isEqualTo(ask(1, 0).slice());
        // Another one than before is another format of the keys.
        assertThat(held.slice()).isEqualTo(2);
    }
}
