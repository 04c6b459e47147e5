package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PermitTableTest {

    private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
    private final PermitTable<String> table = new PermitTable<>();

    private GatePermit<String> permit(String channel) {
        return new GatePermit<>(limiter, false, channel);
    }

    @Test
    void hasOnePermitOfEachConnection() {
        GatePermit<String> first = permit("a");
        GatePermit<String> second = permit("a");
        assertThat(table.add(first, added -> {})).isTrue();
        assertThat(table.add(second, added -> {})).isFalse();
        assertThat(table.get("a")).isSameAs(first);
        assertThat(table.remove(second)).isFalse();
        assertThat(table.size()).isOne();
        assertThat(table.remove(first)).isTrue();
        assertThat(table.get("a")).isNull();
        assertThat(table.size()).isZero();
    }

    @Test
    void replacesOnlyWhatIsHere() {
        GatePermit<String> present = permit("a");
        GatePermit<String> fresh = permit("a");
        List<GatePermit<String>> handedOver = new ArrayList<>();
        assertThat(table.replace(present, fresh, (from, to) -> handedOver.addAll(List.of(from, to))))
                .isFalse();
        assertThat(handedOver).isEmpty();
        assertThat(table.get("a")).isNull();
        table.add(present, added -> {});
        assertThat(table.replace(present, fresh, (from, to) -> handedOver.addAll(List.of(from, to))))
                .isTrue();
        assertThat(handedOver).containsExactly(present, fresh);
        assertThat(table.get("a")).isSameAs(fresh);
        assertThat(table.size()).isOne();
    }

    @Test
    void tellsThePermitOfAConnection() {
        GatePermit<String> permit = permit("a");
        table.add(permit, added -> {});
        table.add(permit("b"), added -> {});
        List<GatePermit<String>> told = new ArrayList<>();
        table.tell("a", told::add);
        table.tell("c", told::add);
        assertThat(told).containsExactly(permit);
    }
}
