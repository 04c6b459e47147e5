package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.entry;

import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionLimitsTest {

    private static final String LIMIT_ALLOWED = "a whole number from 0 to 2147483647 (0 = unlimited)";
    private static final String CIDR_ALLOWED =
            "an IPv4 or IPv6 address, or a block such as 10.0.0.0/8 or 2001:db8::/32 (no host names, no scope ids)";
    private static final String RULES_ALLOWED = "rules as in \"10.0.0.0/8=500, 127.0.0.0/8=unlimited\"";

    private static ConnectionLimits.Builder everythingSet() {
        return ConnectionLimits.builder()
                .maxPerClient(17)
                .limit("10.0.0.0/8", 500)
                .exempt("127.0.0.0/8")
                .limit("2001:db8::/32", 13)
                .ipv4Prefix(24)
                .ipv6Prefix(56)
                .refuse(Refusal.RESPOND)
                .onError(ErrorPolicy.ADMIT)
                .maxPendingPerClient(2)
                .reservedConnections(2)
                .handshakeTimeout(Duration.ofMillis(1500))
                .dryRun(true)
                .respondRate(11)
                .respondBurst(12)
                .respondMaxOpen(13);
    }

    @Test
    void theDefaults() {
        assertThat(ConnectionLimits.defaults().toSettings())
                .containsExactly(
                        entry("maxPerClient", "100"),
                        entry("rules", ""),
                        entry("ipv4Prefix", "32"),
                        entry("ipv6Prefix", "64"),
                        entry("refuse", "reset"),
                        entry("onError", "refuse"),
                        entry("maxPendingPerClient", "0"),
                        entry("reservedConnections", "0"),
                        entry("handshakeTimeout", "5000ms"),
                        entry("dryRun", "false"),
                        entry("respondRate", "10"),
                        entry("respondBurst", "100"),
                        entry("respondMaxOpen", "100"));
        assertThat(ConnectionLimits.defaults())
                .isEqualTo(ConnectionLimits.builder().build());
    }

    @Test
    void whatWasSetIsWhatIsRead() {
        ConnectionLimits limits = everythingSet().build();
        assertThat(limits.maxPerClient()).isEqualTo(17);
        assertThat(limits.rules())
                .containsExactly(
                        entry(Cidr.parse("10.0.0.0/8"), 500),
                        entry(Cidr.parse("127.0.0.0/8"), 0),
                        entry(Cidr.parse("2001:db8::/32"), 13));
        assertThat(limits.maxPendingPerClient()).isEqualTo(2);
        assertThat(limits.reservedConnections()).isEqualTo(2);
        assertThat(limits.handshakeTimeout()).isEqualTo(Duration.ofMillis(1500));
        assertThat(limits.dryRun()).isTrue();
        assertThat(limits.respondRate()).isEqualTo(11);
        assertThat(limits.respondBurst()).isEqualTo(12);
        assertThat(limits.respondMaxOpen()).isEqualTo(13);
        assertThat(limits.ipv4Prefix()).isEqualTo(24);
        assertThat(limits.ipv6Prefix()).isEqualTo(56);
        assertThat(limits.refuse()).isEqualTo(Refusal.RESPOND);
        assertThat(limits.onError()).isEqualTo(ErrorPolicy.ADMIT);
    }

    @Test
    void settingsAsText() {
        assertThat(everythingSet().build().toSettings())
                .containsExactly(
                        entry("maxPerClient", "17"),
                        entry("rules", "10.0.0.0/8=500, 127.0.0.0/8=unlimited, 2001:db8:0:0:0:0:0:0/32=13"),
                        entry("ipv4Prefix", "24"),
                        entry("ipv6Prefix", "56"),
                        entry("refuse", "respond"),
                        entry("onError", "admit"),
                        entry("maxPendingPerClient", "2"),
                        entry("reservedConnections", "2"),
                        entry("handshakeTimeout", "1500ms"),
                        entry("dryRun", "true"),
                        entry("respondRate", "11"),
                        entry("respondBurst", "12"),
                        entry("respondMaxOpen", "13"));
        assertThat(everythingSet().build())
                .hasToString("{maxPerClient=17, rules=10.0.0.0/8=500, 127.0.0.0/8=unlimited,"
                        + " 2001:db8:0:0:0:0:0:0/32=13, ipv4Prefix=24, ipv6Prefix=56, refuse=respond, onError=admit,"
                        + " maxPendingPerClient=2, reservedConnections=2, handshakeTimeout=1500ms, dryRun=true,"
                        + " respondRate=11, respondBurst=12, respondMaxOpen=13}");
    }

    @Test
    void settingsMakeTheSameLimitsAgain() {
        ConnectionLimits limits = everythingSet().build();
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        limits.toSettings().forEach(builder::set);
        assertThat(builder.build()).isEqualTo(limits).hasSameHashCodeAs(limits);
        assertThat(builder.build().rules()).isEqualTo(limits.rules());
    }

    @Test
    void aBuilderBeginsWithTheLimitsItIsMadeFrom() {
        ConnectionLimits limits = everythingSet().build();
        assertThat(limits.toBuilder().build()).isEqualTo(limits);
        ConnectionLimits changed =
                limits.toBuilder().maxPerClient(8).limit("10.1.0.0/16", 11).build();
        assertThat(changed.maxPerClient()).isEqualTo(8);
        assertThat(changed.rules()).hasSize(4).containsEntry(Cidr.parse("10.1.0.0/16"), 11);
        assertThat(limits.maxPerClient()).isEqualTo(17);
        assertThat(limits.rules()).hasSize(3);
    }

    @Test
    void limitsDoNotChangeWithTheBuilderTheyWereMadeBy() {
        ConnectionLimits.Builder builder = everythingSet();
        ConnectionLimits limits = builder.build();
        builder.limit("10.1.0.0/16", 11).maxPerClient(9);
        assertThat(limits).isEqualTo(everythingSet().build());
    }

    @Test
    void nothingThatIsHandedOutCanBeChanged() {
        ConnectionLimits limits = everythingSet().build();
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> limits.rules().put(Cidr.parse("::/0"), 1));
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> limits.toSettings().put("maxPerClient", "1"));
    }

    static Stream<ConnectionLimits> differing() {
        return Stream.of(
                everythingSet().maxPerClient(8).build(),
                everythingSet().limit("10.1.0.0/16", 11).build(),
                everythingSet().rules("").build(),
                everythingSet().ipv4Prefix(25).build(),
                everythingSet().ipv6Prefix(57).build(),
                everythingSet().refuse(Refusal.CLOSE).build(),
                everythingSet().onError(ErrorPolicy.REFUSE).build(),
                everythingSet().maxPendingPerClient(3).build(),
                everythingSet().reservedConnections(3).build(),
                everythingSet().handshakeTimeout(Duration.ofMillis(1501)).build(),
                everythingSet().dryRun(false).build(),
                everythingSet().respondRate(1).build(),
                everythingSet().respondBurst(1).build(),
                everythingSet().respondMaxOpen(1).build());
    }

    @ParameterizedTest
    @MethodSource("differing")
    void limitsThatDifferInAnySettingAreNotEqual(ConnectionLimits other) {
        assertThat(other).isNotEqualTo(everythingSet().build());
        assertThat(other.hashCode()).isNotEqualTo(everythingSet().build().hashCode());
    }

    @Test
    void limitsAreNotEqualToSomethingElse() {
        assertThat(ConnectionLimits.defaults()).isNotEqualTo(null).isNotEqualTo("limits");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            ""                                         | ""
            "   "                                      | ""
            10.0.0.0/8=500                             | 10.0.0.0/8=500
            "10.0.0.0/8=500, 127.0.0.0/8=unlimited"    | "10.0.0.0/8=500, 127.0.0.0/8=unlimited"
            "127.0.0.0/8=0,10.0.0.0/8=500"             | "10.0.0.0/8=500, 127.0.0.0/8=unlimited"
            "  10.0.0.0/8 = 500 ,\t 10.0.0.1 = 1\n"    | "10.0.0.0/8=500, 10.0.0.1/32=1"
            ::1=2147483647                             | 0:0:0:0:0:0:0:1/128=2147483647
            ::/0=007                                   | 0:0:0:0:0:0:0:0/0=7
            "::/0=1, 0.0.0.0/0=2"                      | "0.0.0.0/0=2, 0:0:0:0:0:0:0:0/0=1"
            ::ffff:10.0.0.0/104=4                      | 10.0.0.0/8=4
            """)
    void readsAndWritesRules(String text, String written) {
        ConnectionLimits limits =
                ConnectionLimits.builder().limit("192.0.2.0/24", 1).rules(text).build();
        assertThat(limits.toSettings()).containsEntry("rules", written);
        assertThat(ConnectionLimits.builder().rules(written).build()).isEqualTo(limits);
    }

    static Stream<Arguments> badRules() {
        String none = "rules: \"\" is not allowed; " + RULES_ALLOWED;
        return Stream.of(
                Arguments.of(",", none),
                Arguments.of("10.0.0.0/8=5,", none),
                Arguments.of(",10.0.0.0/8=5", none),
                Arguments.of("10.0.0.0/8=5,,11.0.0.0/8=5", none),
                Arguments.of("10.0.0.0/8=5, ", none),
                Arguments.of("10.0.0.0/8", "rules: \"10.0.0.0/8\" is not allowed; " + RULES_ALLOWED),
                Arguments.of("10.0.0.0/8:5", "rules: \"10.0.0.0/8:5\" is not allowed; " + RULES_ALLOWED),
                Arguments.of("unlimited", "rules: \"unlimited\" is not allowed; " + RULES_ALLOWED),
                Arguments.of(
                        "10.0.0.0/8=5; 11.0.0.0/8=5", "rules: \"5; 11.0.0.0/8=5\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=", "rules: \"\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=-1", "rules: \"-1\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=+1", "rules: \"+1\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=1.0", "rules: \"1.0\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=\u0661", "rules: \"\u0661\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=0x10", "rules: \"0x10\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=5=6", "rules: \"5=6\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=2147483648", "rules: \"2147483648\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("10.0.0.0/8=many", "rules: \"many\" is not allowed; " + LIMIT_ALLOWED),
                Arguments.of("=5", "rules: CIDR: \"\" is not allowed; " + CIDR_ALLOWED),
                Arguments.of("localhost=5", "rules: CIDR: \"localhost\" is not allowed; " + CIDR_ALLOWED),
                Arguments.of("example.com/24=5", "rules: CIDR: \"example.com/24\" is not allowed; " + CIDR_ALLOWED),
                Arguments.of(
                        "10.0.0.0/33=5",
                        "rules: CIDR: \"10.0.0.0/33\" is not allowed; its prefix length is to be a whole number from 0 to"
                                + " 32"),
                Arguments.of(
                        "10.0.0.1/8=5",
                        "rules: CIDR: \"10.0.0.1/8\" is not allowed; it has bits set behind its prefix (10.0.0.0/8 is the"
                                + " block it is in)"),
                Arguments.of(
                        "10.0.0.0/8=5, 10.0.0.0/8=5",
                        "rules: \"10.0.0.0/8\" is not allowed; one rule for each block, and there is one for 10.0.0.0/8"
                                + " already"),
                Arguments.of(
                        "10.0.0.0/8=5, ::ffff:10.0.0.0/104=6",
                        "rules: \"::ffff:10.0.0.0/104\" is not allowed; one rule for each block, and there is one for"
                                + " 10.0.0.0/8 already"),
                Arguments.of(
                        "::1=5, 0:0::1/128=6",
                        "rules: \"0:0::1/128\" is not allowed; one rule for each block, and there is one for"
                                + " 0:0:0:0:0:0:0:1/128 already"));
    }

    @ParameterizedTest
    @MethodSource("badRules")
    void refusesBadRulesAndKeepsThoseItHas(String text, String message) {
        ConnectionLimits.Builder builder = everythingSet();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.rules(text))
                .withMessage(message);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.set("rules", text))
                .withMessage(message);
        assertThat(builder.build()).isEqualTo(everythingSet().build());
    }

    @Test
    void refusesABadRuleAndKeepsThoseItHas() {
        ConnectionLimits.Builder builder = everythingSet();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.limit("10.0.0.0/8", 6))
                .withMessage("rules: \"10.0.0.0/8\" is not allowed; one rule for each block, and there is one for"
                        + " 10.0.0.0/8 already");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.exempt("::ffff:10.0.0.0/104"))
                .withMessageStartingWith("rules: \"::ffff:10.0.0.0/104\" is not allowed; one rule for each block");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.limit("11.0.0.0/8", -1))
                .withMessage("rules: \"-1\" is not allowed; " + LIMIT_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.limit("nobody", 1))
                .withMessage("rules: CIDR: \"nobody\" is not allowed; " + CIDR_ALLOWED);
        assertThat(builder.build()).isEqualTo(everythingSet().build());
    }

    static Stream<Arguments> badSettings() {
        return Stream.of(
                Arguments.of("maxPerClient", "-1", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "abc", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "+1", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "\uff11", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "1 0", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "2147483648", LIMIT_ALLOWED),
                Arguments.of("maxPerClient", "99999999999999999999", LIMIT_ALLOWED),
                Arguments.of("ipv4Prefix", "-1", "a whole number from 0 to 32"),
                Arguments.of("ipv4Prefix", "33", "a whole number from 0 to 32"),
                Arguments.of("ipv4Prefix", "/24", "a whole number from 0 to 32"),
                Arguments.of("ipv4Prefix", "4294967296", "a whole number from 0 to 32"),
                Arguments.of("ipv6Prefix", "-1", "a whole number from 0 to 128"),
                Arguments.of("ipv6Prefix", "129", "a whole number from 0 to 128"),
                Arguments.of("ipv6Prefix", "", "a whole number from 0 to 128"),
                Arguments.of("refuse", "", "reset, close, respond"),
                Arguments.of("refuse", "drop", "reset, close, respond"),
                Arguments.of("refuse", "admit", "reset, close, respond"),
                Arguments.of("onError", "ignore", "refuse, admit"),
                Arguments.of("onError", "reset", "refuse, admit"));
    }

    @ParameterizedTest
    @MethodSource("badSettings")
    void refusesBadSettings(String name, String value, String allowed) {
        ConnectionLimits.Builder builder = everythingSet();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.set(name, value))
                .withMessage(name + ": \"" + value + "\" is not allowed; " + allowed);
        assertThat(builder.build()).isEqualTo(everythingSet().build());
    }

    @Test
    void refusesBadNumbers() {
        ConnectionLimits.Builder builder = everythingSet();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.maxPerClient(-1))
                .withMessage("maxPerClient: \"-1\" is not allowed; " + LIMIT_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.maxPerClient(Integer.MIN_VALUE))
                .withMessage("maxPerClient: \"-2147483648\" is not allowed; " + LIMIT_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.ipv4Prefix(-1))
                .withMessage("ipv4Prefix: \"-1\" is not allowed; a whole number from 0 to 32");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.ipv4Prefix(33))
                .withMessage("ipv4Prefix: \"33\" is not allowed; a whole number from 0 to 32");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.ipv6Prefix(-1))
                .withMessage("ipv6Prefix: \"-1\" is not allowed; a whole number from 0 to 128");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.ipv6Prefix(129))
                .withMessage("ipv6Prefix: \"129\" is not allowed; a whole number from 0 to 128");
        assertThat(builder.build()).isEqualTo(everythingSet().build());
    }

    @Test
    void refusesSettingsThatDoNotExist() {
        for (String name : new String[] {"", "maxperclient", "max", "rule", "Rules"}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ConnectionLimits.builder().set(name, "1"))
                    .withMessage("\"" + name + "\" is no setting; allowed are maxPerClient, rules, ipv4Prefix,"
                            + " ipv6Prefix, refuse, onError, maxPendingPerClient, reservedConnections,"
                            + " handshakeTimeout, dryRun, respondRate, respondBurst, respondMaxOpen");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "0ms, 0",
        "0s, 0",
        "1ms, 1",
        "1500ms, 1500",
        "5s, 5000",
        "2m, 120000",
        "34560m, 2073600000",
    })
    void timeoutsAsText(String text, long millis) {
        assertThat(ConnectionLimits.builder()
                        .set("handshakeTimeout", text)
                        .build()
                        .handshakeTimeout())
                .isEqualTo(Duration.ofMillis(millis));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "5", "s", "-1s", "+1s", "5 s", "5h", "5S", "1.5s", "PT5S", "34561m", "99999999999s", "٥s"})
    void refusesTimeoutsThatAreNone(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().set("handshakeTimeout", text))
                .withMessageContaining("handshakeTimeout: \"")
                .withMessageContaining("\" is not allowed; a whole number with its unit, as in 500ms, 5s, 1m,"
                        + " from 0 to 24 days (0 = off)");
    }

    @Test
    void refusesTimeoutsOutOfRange() {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        for (Duration timeout :
                new Duration[] {Duration.ofNanos(-1), Duration.ofDays(24).plusNanos(1)}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> builder.handshakeTimeout(timeout))
                    .withMessageStartingWith("handshakeTimeout: \"" + timeout + "\" is not allowed; ");
        }
        assertThat(builder.build()).isEqualTo(ConnectionLimits.defaults());
    }

    @ParameterizedTest
    @CsvSource({"true, true", "TRUE, true", "false, false", "False, false"})
    void switchesAsText(String text, boolean on) {
        assertThat(ConnectionLimits.builder()
                        .dryRun(!on)
                        .set("dryRun", text)
                        .build()
                        .dryRun())
                .isEqualTo(on);
    }

    @ParameterizedTest
    @CsvSource({
        "dryRun, yes, 'true, false'",
        "dryRun, 1, 'true, false'",
        "maxPendingPerClient, -1, a whole number from 0 to 2147483647 (0 = unlimited)",
        "reservedConnections, 2147483642, a whole number from 0 to 2147483641",
        "respondRate, 1001, a whole number from 0 to 1000",
        "respondBurst, 1001, a whole number from 0 to 1000",
        "respondMaxOpen, 1001, a whole number from 0 to 1000",
        "respondMaxOpen, many, a whole number from 0 to 1000",
    })
    void refusesWhatIsNotAllowed(String name, String value, String allowed) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().set(name, value))
                .withMessage(name + ": \"" + value + "\" is not allowed; " + allowed);
    }

    @Test
    void onlyARuleExempts() throws Exception {
        ConnectionLimits limits = ConnectionLimits.builder()
                .maxPerClient(0)
                .exempt("10.0.0.0/8")
                .limit("10.1.0.0/16", 5)
                .build();
        assertThat(limits.isExempt(Addresses.ip("10.2.0.1"))).isTrue();
        assertThat(limits.isExempt(Addresses.ip("10.1.0.1"))).isFalse();
        assertThat(limits.isExempt(Addresses.ip("192.0.2.1"))).isFalse();
        assertThat(limits.isExempt(Addresses.ip("2001:db8::1"))).isFalse();
    }

    @Test
    void refusesNull() {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        assertThatNullPointerException().isThrownBy(() -> builder.refuse(null)).withMessage("refuse");
        assertThatNullPointerException().isThrownBy(() -> builder.onError(null)).withMessage("onError");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.set("maxPerClient", null))
                .withMessage("maxPerClient");
        assertThatNullPointerException().isThrownBy(() -> builder.rules(null));
        assertThatNullPointerException().isThrownBy(() -> builder.limit(null, 1));
        assertThat(builder.build()).isEqualTo(ConnectionLimits.defaults());
    }

    @Test
    void takesTheEndsOfEachRange() {
        Map<String, String> least = ConnectionLimits.builder()
                .set("maxPerClient", "0")
                .set("ipv4Prefix", "0")
                .set("ipv6Prefix", "0")
                .build()
                .toSettings();
        assertThat(least)
                .containsEntry("maxPerClient", "0")
                .containsEntry("ipv4Prefix", "0")
                .containsEntry("ipv6Prefix", "0");
        Map<String, String> most = ConnectionLimits.builder()
                .set("maxPerClient", " 2147483647 ")
                .set("ipv4Prefix", "32")
                .set("ipv6Prefix", "128")
                .build()
                .toSettings();
        assertThat(most)
                .containsEntry("maxPerClient", "2147483647")
                .containsEntry("ipv4Prefix", "32")
                .containsEntry("ipv6Prefix", "128");
        ConnectionLimits same = ConnectionLimits.builder()
                .maxPerClient(Integer.MAX_VALUE)
                .ipv4Prefix(32)
                .ipv6Prefix(128)
                .build();
        assertThat(same.toSettings()).isEqualTo(most);
        assertThat(ConnectionLimits.builder()
                        .maxPerClient(0)
                        .ipv4Prefix(0)
                        .ipv6Prefix(0)
                        .build()
                        .toSettings())
                .isEqualTo(least);
    }

    @ParameterizedTest
    @CsvSource({"reset, RESET", "RESET, RESET", "' Close ', CLOSE", "respond, RESPOND"})
    void readsWordsInAnyCase(String text, Refusal refusal) {
        assertThat(ConnectionLimits.builder().set("refuse", text).build().refuse())
                .isEqualTo(refusal);
    }

    @Test
    void wordsDoNotDependOnTheLocale() {
        Locale before = Locale.getDefault();
        try {
            // Turkish writes the capital of i with a dot.
            Locale.setDefault(Locale.forLanguageTag("tr"));
            ConnectionLimits limits =
                    ConnectionLimits.builder().set("onError", "ADMIT").build();
            assertThat(limits.onError()).isEqualTo(ErrorPolicy.ADMIT);
            assertThat(limits.toSettings()).containsEntry("onError", "admit");
        } finally {
            Locale.setDefault(before);
        }
    }
}
