using System.Globalization;

namespace LoraAdmin.Platform.Data;

/// <summary>Reads what a statement's rows hold, whichever of the two databases answered.</summary>
internal static class Cell
{
    /// <summary>PostgreSQL has a type for ids; SQLite has their text.</summary>
    public static Guid Id(object value) => value is Guid id ? id : Guid.Parse((string)value);

    /// <summary>SQLite keeps every integer in 64 bits, and PostgreSQL adds them up to a decimal.</summary>
    public static long Number(object value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    public static long? NumberOrNull(object value) => value is DBNull ? null : Number(value);
}
