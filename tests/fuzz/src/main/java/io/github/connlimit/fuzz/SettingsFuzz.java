package io.github.connlimit.fuzz;

import io.github.connlimit.Cidr;
import io.github.connlimit.ConnectionLimits;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Reads any text as a CIDR block, as rules and as the value of each setting: it is taken, and then reads the same again,
 * or it is refused by an {@code IllegalArgumentException} with the text and what is allowed.
 */
public final class SettingsFuzz {

    private static final List<String> NAMES =
            List.copyOf(ConnectionLimits.defaults().toSettings().keySet());

    private SettingsFuzz() {}

    /** Called by Jazzer again and again. */
    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length == 0) {
            return;
        }
        String text = new String(input, 1, input.length - 1, StandardCharsets.UTF_8);
        int target = Byte.toUnsignedInt(input[0]) % (NAMES.size() + 1);
        if (target == NAMES.size()) {
            readBlock(text);
        } else {
            readSetting(NAMES.get(target), text);
        }
    }

    private static void readBlock(String text) {
        Cidr cidr;
        try {
            cidr = Cidr.parse(text);
        } catch (IllegalArgumentException refused) {
            require(refused.getMessage().startsWith("CIDR: \"" + text + "\" is not allowed; "), refused.getMessage());
            return;
        }
        // What could be a name would have been resolved.
        require(text.trim().matches("[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*(/[0-9]+)?"), text);
        require(Cidr.parse(cidr.toString()).equals(cidr), text);
        require(cidr.contains(cidr.address()), text);
    }

    private static void readSetting(String name, String text) {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        try {
            builder.set(name, text);
        } catch (IllegalArgumentException refused) {
            require(refused.getMessage().startsWith(name + ": "), refused.getMessage());
            require(builder.build().equals(ConnectionLimits.defaults()), text);
            return;
        }
        ConnectionLimits limits;
        try {
            limits = builder.build();
        } catch (IllegalArgumentException refused) {
            // The only ones that have to fit with another one.
            require(refused.getMessage().matches("(?s)(reservedConnections|networkLimits): .*"), refused.getMessage());
            return;
        }
        ConnectionLimits.Builder again = ConnectionLimits.builder();
        limits.toSettings().forEach(again::set);
        require(again.build().equals(limits), text);
    }

    private static void require(boolean holds, String text) {
        if (!holds) {
            throw new AssertionError(text);
        }
    }
}
