package io.github.connlimit.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.Setting;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** What the properties mean. */
class PropertiesTest {

    private final ApplicationContextRunner runner = new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(ConnectionLimitAutoConfiguration.class));

    private void assertSetting(String property, String setting, String value) {
        runner.withPropertyValues(property).run(context -> {
            assertThat(context).hasNotFailed();
            assertThat(context.getBean(ConnectionLimiter.class).limits().toSettings())
                    .containsEntry(setting, value);
        });
    }

    private FailureAnalysis failure(String property) {
        FailureAnalysis[] analysis = new FailureAnalysis[1];
        runner.withPropertyValues(property).run(context -> {
            assertThat(context).hasFailed();
            analysis[0] = new InvalidLimitsFailureAnalyzer().analyze(context.getStartupFailure());
        });
        return analysis[0];
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "connlimit.rules=10.0.0.0/8=500, 127.0.0.2=2 | rules | 10.0.0.0/8=500, 127.0.0.2/32=2",
                "connlimit.network-limits=ipv4/24=400,ipv6/48=800 | networkLimits | ipv4/24=400, ipv6/48=800",
                "connlimit.trusted-proxies=192.0.2.1,10.0.0.0/8 | rules | 10.0.0.0/8=unlimited, 192.0.2.1/32=unlimited",
                "connlimit.max-rate-per-client=20/s,40 | maxRatePerClient | 20/s,40",
                "connlimit.cluster-uri=redis-sentinel://10.0.0.5:26379,10.0.0.6:26379#main | clusterUri "
                        + "| redis-sentinel://10.0.0.5:26379,10.0.0.6:26379#main",
                "connlimit.cluster-uri=redis://10.0.0.5,10.0.0.6 | clusterUri | redis://10.0.0.5,10.0.0.6",
            })
    void aCommaIsPartOfAValueUnlessItIsAList(String property, String setting, String value) {
        assertSetting(property, setting, value);
    }

    @Test
    void rulesMayBeAList() {
        runner.withPropertyValues("connlimit.rules[0]=10.0.0.0/8=500", "connlimit.rules[1]=127.0.0.2=2")
                .run(context -> assertThat(context.getBean(ConnectionLimiter.class)
                                .limits()
                                .toSettings())
                        .containsEntry("rules", "10.0.0.0/8=500, 127.0.0.2/32=2"));
    }

    @ParameterizedTest
    @CsvSource({"5s, 5000ms", "500ms, 500ms", "1m, 60000ms", "0, 0ms", "PT5S, 5000ms", "pt0.5s, 500ms", "1h, 3600000ms"
    })
    void timesHaveUnits(String text, String value) {
        assertSetting("connlimit.handshake-timeout=" + text, "handshakeTimeout", value);
    }

    @ParameterizedTest
    @ValueSource(strings = {"5", "-5", "-5s", "5 s", "PT", "soon", "25d", "PT-5S", ""})
    void aTimeWithoutItsUnitIsRefusedAndSoIsWhatIsNone(String text) {
        FailureAnalysis analysis = failure("connlimit.handshake-timeout=" + text);
        assertThat(analysis.getDescription())
                .startsWith("The connection limits are not valid: handshakeTimeout: ")
                .contains("is not allowed; a whole number with its unit, as in 500ms, 5s, 1m");
        assertThat(analysis.getAction()).isEqualTo("Change the property connlimit.handshake-timeout.");
    }

    @Test
    void withoutPropertiesTheDefaultsAreInForce() {
        runner.run(context ->
                assertThat(context.getBean(ConnectionLimiter.class).limits()).isEqualTo(ConnectionLimits.defaults()));
        assertThat(ConnectionLimits.defaults().handshakeTimeout()).isEqualTo(Duration.ofSeconds(5));
    }

    /** What an IDE shows. */
    @Test
    void theMetadataHasEverySetting() throws Exception {
        Map<String, JsonObject> properties = new HashMap<>();
        try (InputStream in = ConnectionLimitProperties.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI()
                .resolve("META-INF/spring-configuration-metadata.json")
                .toURL()
                .openStream()) {
            JsonObject metadata = JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
                    .getAsJsonObject();
            for (JsonElement property : metadata.getAsJsonArray("properties")) {
                properties.put(property.getAsJsonObject().get("name").getAsString(), property.getAsJsonObject());
            }
        }
        for (Setting setting : ConnectionLimits.settings()) {
            String name =
                    "connlimit." + setting.key().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
            assertThat(properties).containsKey(name);
            assertThat(properties.get(name).get("description").getAsString())
                    .isEqualTo(setting.description() + ". Allowed: " + setting.allowed() + ".");
            if (!setting.defaultText().isEmpty()) {
                assertThat(properties.get(name).get("defaultValue").getAsString())
                        .isEqualTo(setting.defaultText());
            }
        }
        assertThat(properties)
                .containsKeys(
                        "connlimit.enabled",
                        "connlimit.trusted-proxies",
                        "connlimit.management.enabled",
                        "management.endpoint.connlimit.show-clients");
    }
}
