package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class PromisesTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final Screen screen = new Screen(new PrintStream(out, true, StandardCharsets.UTF_8), false, List::of);
    private final Promises promises = new Promises(screen);

    @Test
    void saysWhichPromiseWasBroken() {
        promises.check("open", 2, 2);
        promises.check("refused", 5, 4);

        assertThat(promises.allKept()).isFalse();
        assertThat(promises.summary()).isEqualTo("1 promises kept, 1 broken.");
        assertThat(out.toString(StandardCharsets.UTF_8))
                .isEqualTo("  ok    open: 2\n  FAIL  refused: 4, but promised were 5\n");
    }

    @Test
    void areNotKeptIfNoneWasChecked() {
        assertThat(promises.allKept()).isFalse();
    }
}
