package io.github.connlimit.page;

import java.util.List;
import java.util.function.Consumer;

/**
 * Writes JSON objects (RFC 8259). A library would come with the page into every application: Spring Boot, for one, sets up
 * any JSON library that it finds. Not thread-safe.
 */
final class Json {

    private final StringBuilder text = new StringBuilder("{");

    private Json() {}

    static String object(Consumer<Json> fields) {
        Json json = new Json();
        fields.accept(json);
        return json.text.append('}').toString();
    }

    void field(String name, String value) {
        quote(key(name), value);
    }

    /** A number or a flag. */
    void field(String name, Object value) {
        key(name).append(value);
    }

    void object(String name, Consumer<Json> fields) {
        key(name).append(object(fields));
    }

    /** Numbers, or objects that are written already. */
    void array(String name, List<?> values) {
        StringBuilder array = key(name).append('[');
        for (int i = 0; i < values.size(); i++) {
            array.append(i == 0 ? "" : ",").append(values.get(i));
        }
        array.append(']');
    }

    private StringBuilder key(String name) {
        if (text.length() > 1) {
            text.append(',');
        }
        quote(text, name);
        return text.append(':');
    }

    /** Nothing in it can end a string, a line or, should somebody put it into HTML, an element. */
    private static void quote(StringBuilder text, String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c < ' ' || c > '~' || "\"\\<>&'".indexOf(c) >= 0) {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }
}
