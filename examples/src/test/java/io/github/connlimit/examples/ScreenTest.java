package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ScreenTest {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    @Test
    void redrawsTheTableOnATerminal() {
        AtomicInteger drawn = new AtomicInteger();
        try (Screen screen = new Screen(out, true, () -> List.of("first " + drawn.incrementAndGet(), "second"))) {
            screen.say("title");
            await().atMost(Duration.ofSeconds(20)).until(() -> drawn.get() >= 3);
            screen.say("event");
        }
        assertThat(text()).startsWith("title\nfirst 1\nsecond\n\033[2A\033[Jfirst 2\nsecond\n\033[2A\033[Jfirst 3\n");
        assertThat(text()).contains("\033[2A\033[Jevent\n");
    }

    @Test
    void printsPlainLinesElsewhere() {
        try (Screen screen = new Screen(out, false, () -> List.of("first", "second"))) {
            screen.say("title");
            screen.showTable();
            screen.say("event");
        }
        assertThat(text()).isEqualTo("title\nfirst\nsecond\nevent\n");
    }

    private String text() {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
