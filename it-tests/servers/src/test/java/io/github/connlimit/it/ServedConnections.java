package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;

/**
 * The connections of all clients, as far as answers prove that a server has held them: from the first answer until the
 * last request that was answered. What is held at once was admitted one after the other, so the client's limit held for
 * all of them when the last one was admitted: after the last of them had begun to connect, and before the last of them
 * had its first answer. Thread-safe.
 */
final class ServedConnections {

    /** One connection. Used by one thread at a time. */
    final class Life {

        private final String client;
        private final long beginNanos;
        private long answeredNanos;
        private long lastAskedNanos;
        private boolean answered;

        private Life(String client, long beginNanos) {
            this.client = client;
            this.beginNanos = beginNanos;
        }

        long beginNanos() {
            return beginNanos;
        }

        /** An answer has come to what was asked at this time. */
        void answered(long askedNanos) {
            if (!answered) {
                answered = true;
                answeredNanos = System.nanoTime();
                lives.add(this);
            }
            lastAskedNanos = askedNanos;
        }

        /** Whether there is a time at which it is known to have been held. */
        private boolean isProven() {
            return lastAskedNanos - answeredNanos >= 0;
        }

        private boolean isHeldAt(long nanos) {
            return answeredNanos - nanos <= 0 && lastAskedNanos - nanos >= 0;
        }
    }

    private final Queue<Life> lives = new ConcurrentLinkedQueue<>();

    /** To be called before the client connects. */
    Life begin(String client) {
        return new Life(client, System.nanoTime());
    }

    /** Forgets what has been so far, of connections that have ended or not. */
    void forget() {
        lives.clear();
    }

    /**
     * Checks that no client ever had more connections than the limits in force when it got them; to be called when none
     * of its connections is in use.
     *
     * @return the most that any client had at once
     */
    int check(LimitHistory history) throws UnknownHostException {
        int most = 0;
        Map<String, List<Life>> byClient =
                lives.stream().filter(Life::isProven).collect(Collectors.groupingBy(life -> life.client));
        for (Map.Entry<String, List<Life>> client : byClient.entrySet()) {
            most = Math.max(most, check(InetAddress.getByName(client.getKey()), client.getValue(), history));
        }
        return most;
    }

    private static int check(InetAddress client, List<Life> lives, LimitHistory history) {
        lives.sort(Comparator.comparingLong(life -> life.answeredNanos));
        int most = 0;
        List<Life> held = new ArrayList<>();
        for (Life next : lives) {
            held.removeIf(life -> !life.isHeldAt(next.answeredNanos));
            held.add(next);
            long lastBegun =
                    held.stream().mapToLong(life -> life.beginNanos).max().orElseThrow();
            assertThat(held.size())
                    .as("connections of %s at once", client)
                    .isLessThanOrEqualTo(history.most(client, lastBegun, next.answeredNanos));
            most = Math.max(most, held.size());
        }
        return most;
    }
}
