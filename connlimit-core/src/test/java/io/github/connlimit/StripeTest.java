package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;

class StripeTest {

    private static final class Number implements Stripe.Node<Number> {

        private final int value;
        private Number next;

        private Number(int value) {
            this.value = value;
        }

        /** Each value has this in common with a second one. */
        @Override
        public int hash() {
            return value / 2;
        }

        @Override
        public Number next() {
            return next;
        }

        @Override
        public void next(Number node) {
            next = node;
        }
    }

    private boolean outOfMemory;
    private final Stripe<Number> stripe = new Stripe<>(this::bins);

    private AtomicReferenceArray<Number> bins(int length) {
        if (outOfMemory) {
            throw new OutOfMemoryError("made up");
        }
        return new AtomicReferenceArray<>(length);
    }

    private boolean contains(Number number) {
        Number found = Stripe.first(stripe.bins(), number.hash());
        while (found != null && found != number) {
            found = found.next();
        }
        return found != null;
    }

    private void assertHolds(List<Number> numbers) {
        assertThat(stripe.size()).isEqualTo(numbers.size());
        assertThat(stripe.nodes()).containsExactlyInAnyOrderElementsOf(numbers);
        assertThat(numbers).allMatch(this::contains);
    }

    private List<Number> add(int count) {
        List<Number> numbers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Number number = new Number(i);
            assertThat(contains(number)).isFalse();
            stripe.add(number);
            numbers.add(number);
        }
        return numbers;
    }

    @Test
    void holdsWhatWasAddedAndNotRemoved() {
        assertHolds(List.of());
        List<Number> numbers = add(1000);
        assertHolds(numbers);
        Collections.shuffle(numbers, new Random(3));
        while (!numbers.isEmpty()) {
            Number last = numbers.remove(numbers.size() - 1);
            assertThat(stripe.remove(last)).isTrue();
            assertThat(stripe.remove(last)).isFalse();
            assertThat(contains(last)).isFalse();
            if (numbers.size() % 100 == 0) {
                assertHolds(numbers);
            }
        }
        assertHolds(numbers);
    }

    @Test
    void itsArrayFollowsTheNumberOfItsEntries() {
        int least = stripe.bins().length();
        List<Number> numbers = add(1000);
        assertThat(stripe.bins().length()).isEqualTo(1024);
        while (!numbers.isEmpty()) {
            stripe.remove(numbers.remove(numbers.size() - 1));
            assertThat(stripe.bins().length()).isLessThanOrEqualTo(Math.max(least, 4 * numbers.size() + 4));
        }
        assertThat(stripe.bins().length()).isEqualTo(least);
    }

    /** Otherwise a connection that comes and goes would have all of them moved each time. */
    @Test
    void oneEntryMoreOrLessDoesNotResizeAgain() {
        List<Number> numbers = add(513);
        AtomicReferenceArray<Number> grown = stripe.bins();
        for (int i = 0; i < 100; i++) {
            stripe.remove(numbers.get(0));
            stripe.add(numbers.get(0));
        }
        assertThat(stripe.bins()).isSameAs(grown);
        while (stripe.bins() == grown) {
            stripe.remove(numbers.remove(numbers.size() - 1));
        }
        AtomicReferenceArray<Number> shrunk = stripe.bins();
        for (int i = 0; i < 100; i++) {
            stripe.remove(numbers.get(0));
            stripe.add(numbers.get(0));
        }
        assertThat(stripe.bins()).isSameAs(shrunk);
        assertHolds(numbers);
    }

    @Test
    void withoutMemoryItHoldsAllTheSame() {
        int least = stripe.bins().length();
        outOfMemory = true;
        List<Number> numbers = add(1000);
        assertThat(stripe.bins().length()).isEqualTo(least);
        assertHolds(numbers);
        outOfMemory = false;
        Number another = new Number(1000);
        stripe.add(another);
        numbers.add(another);
        assertThat(stripe.bins().length()).isEqualTo(2 * least);
        assertHolds(numbers);
        outOfMemory = true;
        while (!numbers.isEmpty()) {
            assertThat(stripe.remove(numbers.remove(0))).isTrue();
        }
        assertHolds(numbers);
    }

    /** Whoever searches without the monitor may stand on an entry that is just being removed. */
    @Test
    void aRemovedEntryStillLeadsToThoseBehindIt() {
        List<Number> chain = List.of(new Number(0), new Number(1));
        chain.forEach(stripe::add);
        Number first = Stripe.first(stripe.bins(), 0);
        Number second = first.next();
        assertThat(List.of(first, second)).containsExactlyInAnyOrderElementsOf(chain);
        stripe.remove(first);
        assertThat(first.next()).isSameAs(second);
    }
}
