using System.Globalization;

namespace LoraAdmin.Shell;

public static class Bytes
{
    /// <summary><c>812 B</c>, <c>4.2 kB</c>, <c>3.1 MB</c>, <c>1.20 GB</c>; powers of 1000, as the providers bill.</summary>
    public static string Text(long bytes) => bytes switch
    {
        < 1_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
    };
}
