namespace LoraAdmin.Platform.Data;

/// <summary>Own tables keep instants as Unix milliseconds, so that both databases order and compare them alike.</summary>
public static class Instants
{
    public static long ToMillis(this DateTimeOffset instant) => instant.ToUnixTimeMilliseconds();

    public static long? ToMillis(this DateTimeOffset? instant) => instant?.ToUnixTimeMilliseconds();

    public static DateTimeOffset FromMillis(long millis) => DateTimeOffset.FromUnixTimeMilliseconds(millis);

    public static DateTimeOffset? FromMillis(long? millis) => millis is { } value ? DateTimeOffset.FromUnixTimeMilliseconds(value) : null;
}
