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
    private static final String RULES_ALLOWED =
            "rules as in \"10.0.0.0/8=500, 192.0.2.0/24=500@50/s, 127.0.0.0/8=unlimited\"";

    private static final String RESERVED_ALLOWED = "a whole number from 0 to 2147483641";
    private static final String THOUSAND_ALLOWED = "a whole number from 0 to 1000";
    private static final String TIMEOUT_ALLOWED =
            "a whole number with its unit, as in 500ms, 5s, 1m, from 1 ms to 24 days, or 0 (= off)";

    private static final String NAME_ALLOWED = "1 to 64 letters (A to Z), digits, dots, hyphens and underscores";

    private static final String LEASE_ALLOWED =
            "a whole number with its unit, as in 500ms, 5s, 1m, from 1 s to 10 minutes";

    private static ConnectionLimits.Builder everythingSet() {
        return ConnectionLimits.builder()
                .maxPerClient(7)
                .limit("10.0.0.0/8", 500)
                .exempt("127.0.0.0/8")
                .limit("2001:db8::/32", 8)
                .ipv4Prefix(24)
                .ipv6Prefix(56)
                .refuse(Refusal.RESPOND)
                .onError(ErrorPolicy.ADMIT)
                .maxPendingPerClient(4)
                .maxRatePerClient("600/m, 40")
                .networkLimits("ipv4/20=400, ipv6/48=800")
                .maxTotal(900)
                .enforceAbove(600)
                .reservedConnections(1)
                .handshakeTimeout(Duration.ofMillis(1500))
                .headerTimeout(Duration.ofSeconds(9))
                .dryRun(true)
                .respondRate(20)
                .respondBurst(30)
                .respondMaxOpen(40)
                .tarpitTime(Duration.ofSeconds(2))
                .tarpitMaxOpen(50)
                .clusterUri("redis://user:secret@10.0.0.5:6379")
                .clusterName("web.1")
                .freePerClient("5")
                .leaseTime(Duration.ofSeconds(4))
                .onClusterError(ClusterErrorPolicy.FREE);
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
                        entry("maxRatePerClient", "0"),
                        entry("networkLimits", ""),
                        entry("maxTotal", "0"),
                        entry("enforceAbove", "0"),
                        entry("reservedConnections", "0"),
                        entry("handshakeTimeout", "5000ms"),
                        entry("headerTimeout", "0ms"),
                        entry("dryRun", "false"),
                        entry("respondRate", "10"),
                        entry("respondBurst", "100"),
                        entry("respondMaxOpen", "100"),
                        entry("tarpitTime", "1000ms"),
                        entry("tarpitMaxOpen", "1000"),
                        entry("clusterUri", ""),
                        entry("clusterName", "default"),
                        entry("freePerClient", "auto"),
                        entry("leaseTime", "10000ms"),
                        entry("onClusterError", "local"));
        assertThat(ConnectionLimits.defaults())
                .isEqualTo(ConnectionLimits.builder().build());
    }

    @Test
    void whatWasSetIsWhatIsRead() {
        ConnectionLimits limits = everythingSet().build();
        assertThat(limits.maxPerClient()).isEqualTo(7);
        assertThat(limits.rules())
                .containsExactly(
                        entry(Cidr.parse("10.0.0.0/8"), 500),
                        entry(Cidr.parse("127.0.0.0/8"), 0),
                        entry(Cidr.parse("2001:db8::/32"), 8));
        assertThat(limits.ipv4Prefix()).isEqualTo(24);
        assertThat(limits.ipv6Prefix()).isEqualTo(56);
        assertThat(limits.refuse()).isEqualTo(Refusal.RESPOND);
        assertThat(limits.onError()).isEqualTo(ErrorPolicy.ADMIT);
        assertThat(limits.maxPendingPerClient()).isEqualTo(4);
        assertThat(limits.maxRatePerClient()).isEqualTo("600/m,40");
        assertThat(limits.networkLimits()).isEqualTo("ipv4/20=400, ipv6/48=800");
        assertThat(limits.maxTotal()).isEqualTo(900);
        assertThat(limits.enforceAbove()).isEqualTo(600);
        assertThat(limits.reservedConnections()).isEqualTo(1);
        assertThat(limits.handshakeTimeout()).isEqualTo(Duration.ofMillis(1500));
        assertThat(limits.headerTimeout()).isEqualTo(Duration.ofSeconds(9));
        assertThat(limits.dryRun()).isTrue();
        assertThat(limits.respondRate()).isEqualTo(20);
        assertThat(limits.respondBurst()).isEqualTo(30);
        assertThat(limits.respondMaxOpen()).isEqualTo(40);
        assertThat(limits.clusterUri()).isEqualTo("redis://***@10.0.0.5:6379");
        assertThat(limits.clusterUriWithPassword()).isEqualTo("redis://user:secret@10.0.0.5:6379");
        assertThat(limits.clusterName()).isEqualTo("web.1");
        assertThat(limits.freePerClient()).isEqualTo("5");
        assertThat(limits.leaseTime()).isEqualTo(Duration.ofSeconds(4));
        assertThat(limits.onClusterError()).isEqualTo(ClusterErrorPolicy.FREE);
    }

    @Test
    void settingsAsText() {
        assertThat(everythingSet().build().toSettings())
                .containsExactly(
                        entry("maxPerClient", "7"),
                        entry("rules", "10.0.0.0/8=500, 127.0.0.0/8=unlimited, 2001:db8:0:0:0:0:0:0/32=8"),
                        entry("ipv4Prefix", "24"),
                        entry("ipv6Prefix", "56"),
                        entry("refuse", "respond"),
                        entry("onError", "admit"),
                        entry("maxPendingPerClient", "4"),
                        entry("maxRatePerClient", "600/m,40"),
                        entry("networkLimits", "ipv4/20=400, ipv6/48=800"),
                        entry("maxTotal", "900"),
                        entry("enforceAbove", "600"),
                        entry("reservedConnections", "1"),
                        entry("handshakeTimeout", "1500ms"),
                        entry("headerTimeout", "9000ms"),
                        entry("dryRun", "true"),
                        entry("respondRate", "20"),
                        entry("respondBurst", "30"),
                        entry("respondMaxOpen", "40"),
                        entry("tarpitTime", "2000ms"),
                        entry("tarpitMaxOpen", "50"),
                        entry("clusterUri", "redis://***@10.0.0.5:6379"),
                        entry("clusterName", "web.1"),
                        entry("freePerClient", "5"),
                        entry("leaseTime", "4000ms"),
                        entry("onClusterError", "free"));
        assertThat(everythingSet().build())
                .hasToString("{maxPerClient=7, rules=10.0.0.0/8=500, 127.0.0.0/8=unlimited,"
                        + " 2001:db8:0:0:0:0:0:0/32=8, ipv4Prefix=24, ipv6Prefix=56, refuse=respond, onError=admit,"
                        + " maxPendingPerClient=4, maxRatePerClient=600/m,40,"
                        + " networkLimits=ipv4/20=400, ipv6/48=800, maxTotal=900, enforceAbove=600,"
                        + " reservedConnections=1,"
                        + " handshakeTimeout=1500ms, headerTimeout=9000ms, dryRun=true, respondRate=20, respondBurst=30, respondMaxOpen=40,"
                        + " tarpitTime=2000ms, tarpitMaxOpen=50,"
                        + " clusterUri=redis://***@10.0.0.5:6379, clusterName=web.1, freePerClient=5, leaseTime=4000ms,"
                        + " onClusterError=free}");
    }

    @Test
    void settingsMakeTheSameLimitsAgain() {
        ConnectionLimits limits =
                everythingSet().clusterUri("rediss://10.0.0.5").build();
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
                limits.toBuilder().maxPerClient(8).limit("10.1.0.0/16", 9).build();
        assertThat(changed.maxPerClient()).isEqualTo(8);
        assertThat(changed.rules()).hasSize(4).containsEntry(Cidr.parse("10.1.0.0/16"), 9);
        assertThat(limits.maxPerClient()).isEqualTo(7);
        assertThat(limits.rules()).hasSize(3);
    }

    @Test
    void limitsDoNotChangeWithTheBuilderTheyWereMadeBy() {
        ConnectionLimits.Builder builder = everythingSet();
        ConnectionLimits limits = builder.build();
        builder.limit("10.1.0.0/16", 9).maxPerClient(9);
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
                everythingSet().limit("10.1.0.0/16", 9).build(),
                everythingSet().rules("").build(),
                everythingSet().ipv4Prefix(25).build(),
                everythingSet().ipv6Prefix(57).build(),
                everythingSet().refuse(Refusal.CLOSE).build(),
                everythingSet().onError(ErrorPolicy.REFUSE).build(),
                everythingSet().maxPendingPerClient(5).build(),
                everythingSet().reservedConnections(0).build(),
                everythingSet().handshakeTimeout(Duration.ofMillis(1501)).build(),
                everythingSet().headerTimeout(Duration.ofMillis(9001)).build(),
                everythingSet().dryRun(false).build(),
                everythingSet().respondRate(21).build(),
                everythingSet().respondBurst(31).build(),
                everythingSet().respondMaxOpen(41).build());
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
                Arguments.of("refuse", "", "reset, close, respond, tarpit"),
                Arguments.of("refuse", "drop", "reset, close, respond, tarpit"),
                Arguments.of("refuse", "admit", "reset, close, respond, tarpit"),
                Arguments.of("onError", "ignore", "refuse, admit"),
                Arguments.of("onError", "reset", "refuse, admit"),
                Arguments.of("maxPendingPerClient", "-1", LIMIT_ALLOWED),
                Arguments.of("maxPendingPerClient", "some", LIMIT_ALLOWED),
                Arguments.of("maxPendingPerClient", "2147483648", LIMIT_ALLOWED),
                Arguments.of("reservedConnections", "-1", RESERVED_ALLOWED),
                Arguments.of("reservedConnections", "2147483642", RESERVED_ALLOWED),
                Arguments.of("reservedConnections", "", RESERVED_ALLOWED),
                Arguments.of("handshakeTimeout", "", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "5", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "s", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "5 s", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "5S", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "5h", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "-5s", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "1.5s", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "PT5S", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "\u0665s", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "34561m", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "2073601s", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "2073600001ms", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "9999999999m", TIMEOUT_ALLOWED),
                Arguments.of("handshakeTimeout", "99999999999999999999ms", TIMEOUT_ALLOWED),
                Arguments.of("dryRun", "", "true, false"),
                Arguments.of("dryRun", "yes", "true, false"),
                Arguments.of("dryRun", "1", "true, false"),
                Arguments.of("respondRate", "-1", THOUSAND_ALLOWED),
                Arguments.of("respondRate", "1001", THOUSAND_ALLOWED),
                Arguments.of("respondRate", "10/s", THOUSAND_ALLOWED),
                Arguments.of("respondBurst", "-1", THOUSAND_ALLOWED),
                Arguments.of("respondBurst", "1001", THOUSAND_ALLOWED),
                Arguments.of("respondBurst", "", THOUSAND_ALLOWED),
                Arguments.of("respondMaxOpen", "-1", THOUSAND_ALLOWED),
                Arguments.of("respondMaxOpen", "1001", THOUSAND_ALLOWED),
                Arguments.of("respondMaxOpen", "all", THOUSAND_ALLOWED),
                Arguments.of("clusterUri", "10.0.0.5:6379", ClusterUri.ALLOWED),
                Arguments.of("clusterUri", "redis://", ClusterUri.ALLOWED),
                Arguments.of("clusterUri", "redis:///a b", ClusterUri.ALLOWED),
                Arguments.of("clusterUri", "http://10.0.0.5", ClusterUri.ALLOWED),
                Arguments.of("clusterName", "", NAME_ALLOWED),
                Arguments.of("clusterName", "a b", NAME_ALLOWED),
                Arguments.of("clusterName", "a:b", NAME_ALLOWED),
                Arguments.of("clusterName", "x".repeat(65), NAME_ALLOWED),
                Arguments.of("freePerClient", "0", FreeShare.ALLOWED),
                Arguments.of("freePerClient", "-1", FreeShare.ALLOWED),
                Arguments.of("freePerClient", "2147483648", FreeShare.ALLOWED),
                Arguments.of("freePerClient", "", FreeShare.ALLOWED),
                Arguments.of("freePerClient", "10%", FreeShare.ALLOWED),
                Arguments.of("leaseTime", "0", LEASE_ALLOWED),
                Arguments.of("leaseTime", "999ms", LEASE_ALLOWED),
                Arguments.of("leaseTime", "600001ms", LEASE_ALLOWED),
                Arguments.of("onClusterError", "admit", "local, free"));
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
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.maxPendingPerClient(-1))
                .withMessage("maxPendingPerClient: \"-1\" is not allowed; " + LIMIT_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.reservedConnections(-1))
                .withMessage("reservedConnections: \"-1\" is not allowed; " + RESERVED_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.reservedConnections(2147483642))
                .withMessage("reservedConnections: \"2147483642\" is not allowed; " + RESERVED_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.respondRate(-1))
                .withMessage("respondRate: \"-1\" is not allowed; " + THOUSAND_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.respondBurst(1001))
                .withMessage("respondBurst: \"1001\" is not allowed; " + THOUSAND_ALLOWED);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.respondMaxOpen(1001))
                .withMessage("respondMaxOpen: \"1001\" is not allowed; " + THOUSAND_ALLOWED);
        assertThat(builder.build()).isEqualTo(everythingSet().build());
    }

    @Test
    void refusesSettingsThatDoNotExist() {
        for (String name : new String[] {"", "maxperclient", "max", "rule", "Rules"}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ConnectionLimits.builder().set(name, "1"))
                    .withMessage("\"" + name + "\" is no setting; allowed are maxPerClient, rules, ipv4Prefix,"
                            + " ipv6Prefix, refuse, onError, maxPendingPerClient, maxRatePerClient,"
                            + " networkLimits, maxTotal, enforceAbove, reservedConnections, handshakeTimeout,"
                            + " headerTimeout, dryRun, respondRate, respondBurst, respondMaxOpen, tarpitTime, tarpitMaxOpen,"
                            + " clusterUri, clusterName, freePerClient, leaseTime, onClusterError");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "redis:/user:secret@10.0.0.5",
                "http://user:secret@10.0.0.5",
                "user:secret@10.0.0.5:6379",
                "redis://user:secret@10.0.0.5 or elsewhere",
                "redis://user:sec@ret@10.0.0.5\n",
                "redis://:secret\n@10.0.0.5"
            })
    void aBadClusterUriIsNamedWithoutItsPassword(String uri) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().clusterUri(uri + " x"))
                .withMessageStartingWith("clusterUri: \"")
                .withMessageContaining("***@10.0.0.5")
                .withMessageNotContainingAny("secret", "ret@");
    }

    @Test
    void aClusterUriWithoutItsPasswordIsNotTakenForOne() {
        String shown = ConnectionLimits.builder()
                .clusterUri("redis://:secret@10.0.0.5")
                .build()
                .clusterUri();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().clusterUri(shown))
                .withMessage(
                        "clusterUri: \"redis://***@10.0.0.5\" is not allowed; it was read where its password is not"
                                + " shown, and is to be given again");
    }

    /** Whoever forgets the @ has a password where a port would be. */
    @ParameterizedTest
    @CsvSource({
        "redis://user:secret, redis://user:***",
        "redis://:secret, redis://:***",
        "redis://10.0.0.5:6379:secret, redis://10.0.0.5:***",
        "rediss://user:secret/0?timeout=10s, rediss://user:***",
        "redis://user:123456, redis://user:***",
        "'redis://[2001:db8::1]:secret,10.0.0.6', redis://[2001:db8::1]:***",
    })
    void aPasswordWithoutAnAtIsNotShown(String uri, String shown) {
        ConnectionLimits limits = ConnectionLimits.builder().clusterUri(uri).build();
        assertThat(limits.clusterUri()).isEqualTo(shown);
        assertThat(limits.toString()).doesNotContain("secret");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().clusterUri(shown))
                .withMessageContaining("is to be given again");
    }

    @ParameterizedTest
    @ValueSource(strings = {"redis:/user:secret", "user:secret", "http://:secret"})
    void noMessageHasAPasswordWithoutAnAt(String uri) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ConnectionLimits.builder().clusterUri(uri))
                .withMessageContaining(":***")
                .withMessageNotContaining("secret");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "redis://10.0.0.5",
                "redis://10.0.0.5:6379/0?timeout=10s",
                "redis://[2001:db8::1]:6379,[2001:db8::2]",
                "redis-sentinel://10.0.0.5:26379,10.0.0.6:26379#main",
            })
    void anAddressIsShown(String uri) {
        assertThat(ConnectionLimits.builder().clusterUri(uri).build().clusterUri())
                .isEqualTo(uri);
    }

    @Test
    void differWithAnotherPassword() {
        ConnectionLimits before =
                ConnectionLimits.builder().clusterUri("redis://:old@10.0.0.5").build();
        ConnectionLimits after =
                before.toBuilder().clusterUri("redis://:new@10.0.0.5").build();
        assertThat(before).isNotEqualTo(after);
        assertThat(after.toBuilder().build()).isEqualTo(after).hasSameHashCodeAs(after);
    }

    @Test
    void whatIsFreeOnEachNode() {
        ConnectionLimits limits = ConnectionLimits.defaults();
        assertThat(limits.freeOf(100)).isEqualTo(10);
        assertThat(limits.freeOf(1000)).isEqualTo(100);
        assertThat(limits.freeOf(199)).isEqualTo(19);
        assertThat(limits.freeOf(4)).isEqualTo(4);
        ConnectionLimits five = limits.toBuilder().freePerClient("5").build();
        assertThat(five.freeOf(1000)).isEqualTo(5);
        assertThat(five.freeOf(4)).isEqualTo(4);
    }

    @Test
    void refusesNull() {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        assertThatNullPointerException().isThrownBy(() -> builder.refuse(null)).withMessage("refuse");
        assertThatNullPointerException().isThrownBy(() -> builder.onError(null)).withMessage("onError");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.set("maxPerClient", null))
                .withMessage("maxPerClient");
        assertThatNullPointerException()
                .isThrownBy(() -> builder.handshakeTimeout(null))
                .withMessage("handshakeTimeout");
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

    @Test
    void takesTheEndsOfTheRangesOfStreamsAndRefusals() {
        ConnectionLimits most = ConnectionLimits.builder()
                .maxPerClient(Integer.MAX_VALUE)
                .set("reservedConnections", "2147483641")
                .set("maxPendingPerClient", "2147483647")
                .set("respondRate", "1000")
                .set("respondBurst", "1000")
                .set("respondMaxOpen", "1000")
                .build();
        assertThat(most)
                .isEqualTo(ConnectionLimits.builder()
                        .maxPerClient(Integer.MAX_VALUE)
                        .reservedConnections(2147483641)
                        .maxPendingPerClient(Integer.MAX_VALUE)
                        .respondRate(1000)
                        .respondBurst(1000)
                        .respondMaxOpen(1000)
                        .build());
        ConnectionLimits least = most.toBuilder()
                .set("reservedConnections", "0")
                .set("maxPendingPerClient", "0")
                .set("respondRate", "0")
                .set("respondBurst", "0")
                .set("respondMaxOpen", "0")
                .build();
        assertThat(least.reservedConnections()).isZero();
        assertThat(least.maxPendingPerClient()).isZero();
        assertThat(least.respondRate()).isZero();
        assertThat(least.respondBurst()).isZero();
        assertThat(least.respondMaxOpen()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0ms",
        "0ms, 0, 0ms",
        "0s, 0, 0ms",
        "1ms, 1, 1ms",
        "500ms, 500, 500ms",
        "' 5s ', 5000, 5000ms",
        "2m, 120000, 120000ms",
        "005s, 5000, 5000ms",
        "34560m, 2073600000, 2073600000ms",
        "2073600s, 2073600000, 2073600000ms",
        "2073600000ms, 2073600000, 2073600000ms",
    })
    void readsAndWritesTimes(String text, long millis, String written) {
        ConnectionLimits limits =
                ConnectionLimits.builder().set("handshakeTimeout", text).build();
        assertThat(limits.handshakeTimeout()).isEqualTo(Duration.ofMillis(millis));
        assertThat(limits.toSettings()).containsEntry("handshakeTimeout", written);
        assertThat(limits)
                .isEqualTo(ConnectionLimits.builder()
                        .handshakeTimeout(Duration.ofMillis(millis))
                        .build())
                .isEqualTo(ConnectionLimits.builder()
                        .set("handshakeTimeout", written)
                        .build());
    }

    @Test
    void takesTimesInWholeMilliseconds() {
        ConnectionLimits.Builder builder = everythingSet();
        Duration odd = Duration.ofNanos(1_999_999);
        assertThat(builder.handshakeTimeout(odd).build().handshakeTimeout()).isEqualTo(Duration.ofMillis(1));
        assertThat(builder.handshakeTimeout(Duration.ofDays(24)).build().handshakeTimeout())
                .isEqualTo(Duration.ofDays(24));
        assertThat(builder.handshakeTimeout(Duration.ZERO).build().handshakeTimeout())
                .isZero();
        // Less than a millisecond must not become "off".
        for (Duration bad : new Duration[] {
            Duration.ofNanos(1),
            Duration.ofNanos(999_999),
            Duration.ofNanos(-1),
            Duration.ofDays(24).plusNanos(1),
            Duration.ofSeconds(Long.MAX_VALUE),
            Duration.ofSeconds(Long.MIN_VALUE)
        }) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> builder.handshakeTimeout(bad))
                    .withMessage("handshakeTimeout: \"" + bad + "\" is not allowed; " + TIMEOUT_ALLOWED);
        }
        assertThat(builder.build().handshakeTimeout()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"true, true", "TRUE, true", "' False ', false", "false, false"})
    void readsTrueAndFalse(String text, boolean value) {
        assertThat(everythingSet().set("dryRun", text).build().dryRun()).isEqualTo(value);
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
