package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class ClientTableTest {

    private final ClientTable table = new ClientTable();

    private static Client client(int number) {
        return new Client(0x2001_0db8_0000_0000L + number, 0, 64);
    }

    private int countUp(Client client) {
        ClientTable.Part part = table.part(client.hash());
        synchronized (part) {
            return part.countUp(client, false);
        }
    }

    private Client look(Client client) {
        IpAddress first = client.first();
        return table.part(client.hash()).look(client.hash(), first.high(), first.low(), client.prefix());
    }

    @Test
    void holdsAClientFromItsFirstConnectionToItsLast() {
        Client client = client(1);
        assertThat(look(client)).isNull();
        assertThat(countUp(client)).isEqualTo(1);
        assertThat(look(client(1))).isSameAs(client);
        assertThat(look(client(2))).isNull();
        assertThat(countUp(client)).isEqualTo(2);
        assertThat(table.totals()).isEqualTo(new ClientTable.Totals(1, 2, 0, 2));
        assertThat(table.countDown(client)).isEqualTo(1);
        assertThat(look(client)).isSameAs(client);
        assertThat(table.countDown(client)).isZero();
        assertThat(look(client)).isNull();
        assertThat(table.totals()).isEqualTo(new ClientTable.Totals(0, 2, 2, 0));
    }

    @Test
    void knowsTheLargestClientThatIsNotExempt() {
        Client small = client(1);
        Client large = client(2);
        countUp(small, 3, false);
        countUp(large, 20, false);
        assertThat(largest()).isEqualTo(20);
        table.countDown(large);
        assertThat(largest()).isEqualTo(19);
        countUp(large, 1, true);
        assertThat(largest()).isEqualTo(3);
        table.countDown(large);
        assertThat(largest()).isEqualTo(3);
        countUp(large, 1, false);
        assertThat(largest()).isEqualTo(20);
        for (int i = 0; i < 20; i++) {
            table.countDown(large);
        }
        assertThat(largest()).isEqualTo(3);
        for (int i = 0; i < 3; i++) {
            table.countDown(small);
        }
        assertThat(largest()).isZero();
    }

    /** Alone in its part, it makes the memory for sizes grow and shrink again and again. */
    @Test
    void oneClientGrowsAndShrinks() {
        Client client = client(1);
        for (int round = 0; round < 3; round++) {
            for (int i = 1; i <= 1000; i++) {
                countUp(client, 1, false);
                assertThat(largest()).isEqualTo(i);
            }
            for (int i = 999; i >= 0; i--) {
                table.countDown(client);
                assertThat(largest()).isEqualTo(i);
            }
        }
    }

    /** Sixty thousand connections take a moment, and an array of that size; more of them take no more. */
    @Test
    void clientsBeyondTheMostAreEquallyLarge() {
        Client client = client(1);
        countUp(client, ClientSizes.MOST + 2, false);
        assertThat(largest()).isEqualTo(ClientSizes.MOST);
        for (int i = 0; i < 3; i++) {
            table.countDown(client);
        }
        assertThat(largest()).isEqualTo(ClientSizes.MOST - 1);
    }

    private void countUp(Client client, int times, boolean exempt) {
        ClientTable.Part part = table.part(client.hash());
        synchronized (part) {
            for (int i = 0; i < times; i++) {
                part.countUp(client, exempt);
            }
        }
    }

    private int largest() {
        return table.totals().largestClient();
    }

    @Test
    void passesOnAllClients() {
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            clients.add(client(i));
            countUp(client(i));
        }
        List<Client> passed = new ArrayList<>();
        table.forEach(passed::add);
        assertThat(passed).containsExactlyInAnyOrderElementsOf(clients);
    }

    @Test
    void nothingIsCountedWhileAnActionHasTheTableForItself() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            List<Future<Integer>> counting = new ArrayList<>();
            table.exclusively(() -> {
                for (int i = 0; i < 1000; i++) {
                    assertThat(Thread.holdsLock(table.part(client(i).hash()))).isTrue();
                }
                counting.add(executor.submit(() -> countUp(client(7))));
                assertThat(look(client(7))).isNull();
            });
            assertThat(counting.get(0).get(60, TimeUnit.SECONDS)).isEqualTo(1);
        } finally {
            executor.shutdownNow();
        }
    }

    /** Those that stay are found at every moment, however often the others make the table grow and shrink. */
    @Test
    void aLookWithoutTheMonitorMissesNobody() throws Exception {
        List<Client> staying = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            staying.add(client(i));
            countUp(staying.get(i));
        }
        AtomicBoolean end = new AtomicBoolean();
        ExecutorService executor = Executors.newFixedThreadPool(3);
        try {
            List<Future<Long>> looking = new ArrayList<>();
            for (int thread = 0; thread < 3; thread++) {
                looking.add(executor.submit(() -> {
                    long looks = 0;
                    while (!end.get() || looks == 0) {
                        for (Client client : staying) {
                            if (look(client) != client) {
                                throw new AssertionError(client.cidr() + " was missed");
                            }
                            looks++;
                        }
                    }
                    return looks;
                }));
            }
            try {
                for (int round = 0; round < 30; round++) {
                    List<Client> passing = new ArrayList<>();
                    for (int i = 0; i < 20_000; i++) {
                        Client client = client(1000 + i);
                        passing.add(client);
                        countUp(client);
                    }
                    passing.forEach(table::countDown);
                    for (Client client : passing.subList(0, 100)) {
                        assertThat(look(client)).isNull();
                    }
                }
            } finally {
                end.set(true);
            }
            for (Future<Long> looks : looking) {
                assertThat(looks.get(60, TimeUnit.SECONDS)).isPositive();
            }
        } finally {
            executor.shutdownNow();
        }
        assertThat(table.totals().clients()).isEqualTo(200);
    }
}
