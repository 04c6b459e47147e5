package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
    void countsWhatWasKept() throws Exception {
        promises.check("open", 2, 2);

        assertThat(promises.kept()).isEqualTo(1);
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("  ok    open: 2\n");
    }

    @Test
    void saysWhatWasBroken() {
        assertThatThrownBy(() -> promises.check("refused", 5, 4))
                .isInstanceOf(BrokenPromiseException.class)
                .hasMessage("refused: 4, but promised were 5");
        assertThat(promises.kept()).isZero();
    }
}
