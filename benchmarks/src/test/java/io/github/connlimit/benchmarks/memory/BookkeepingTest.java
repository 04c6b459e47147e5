package io.github.connlimit.benchmarks.memory;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.benchmarks.Clients;
import io.github.connlimit.benchmarks.Contender;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BookkeepingTest {

    private static final int CONNECTIONS = 500;

    @ParameterizedTest
    @EnumSource
    void countsConnectionsUpAndBackToZero(Contender contender) {
        for (int count : new int[] {1, CONNECTIONS}) {
            Bookkeeping books = Bookkeeping.of(contender, Clients.ipv4(count));
            Object[] open = new Object[CONNECTIONS];
            Arrays.setAll(open, i -> new Object());

            for (int i = 0; i < CONNECTIONS; i++) {
                books.open(i % count, open[i]);
            }
            Arrays.stream(open).forEach(books::establish);
            books.sweep();

            assertThat(books.size()).isEqualTo(CONNECTIONS);
            for (int i = 0; i < CONNECTIONS; i++) {
                books.close(i % count, open[i]);
            }
            assertThat(books.size()).isZero();
        }
    }
}
