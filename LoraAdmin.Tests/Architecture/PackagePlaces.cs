using System.Text.RegularExpressions;

namespace LoraAdmin.Tests.Architecture;

/// <summary>A package that only some files may use, so that it can be replaced there.</summary>
internal sealed record PackagePlace(string Subject, Regex Used, Func<SourceFile, bool> May);

/// <summary>Each large package has its place.</summary>
internal static partial class PackagePlaces
{
    private static readonly PackagePlace[] All =
    [
        new("EF Core and the database drivers", Database(), file => Below(file, "LoraAdmin/Platform/Data/") || Below(file, "LoraAdmin/Commands/") || StoreName().IsMatch(file.Name)),
        new("StackExchange.Redis", Redis(), file =>
            Below(file, "LoraAdmin/Platform/Live/") || Below(file, "LoraAdmin/Platform/Redis/") || Below(file, "LoraAdmin/Commands/") || file.Path is "LoraAdmin/Breaker/RedisCircuitStore.cs" or "LoraAdmin/Breaker/CircuitWire.cs"),
        new("Garnet", Garnet(), file => file.Path == "LoraAdmin/Platform/Redis/EmbeddedRedis.cs"),
        new("Polly", Polly(), file => Below(file, "LoraAdmin/Platform/Vendors/")),
        new("MudBlazor", MudBlazor(), file => file.Name.Contains(".razor", StringComparison.Ordinal) || Below(file, "LoraAdmin/Shell/") || PageName().IsMatch(file.Name)),
        new("Quartz", Quartz(), file => Below(file, "LoraAdmin/Operations/") && (file.Name.StartsWith("Quartz", StringComparison.Ordinal) || file.Name == "OperationsFeature.cs")),
        new("SkiaSharp", Skia(), file => file.Path == "LoraAdmin/Training/SkiaImageInspector.cs" || Below(file, "LoraAdmin/Platform/LocalCloud/")),
    ];

    public static IEnumerable<string> Problems(IEnumerable<SourceFile> product) =>
        from file in product
        from place in All
        let used = place.Used.Match(file.Code)
        where used.Success && !place.May(file)
        select $"{file.At(used.Index)} uses {place.Subject}, which has no place here";

    /// <summary>A place that nobody uses is a rule about nothing.</summary>
    public static IEnumerable<string> Unused(IReadOnlyCollection<SourceFile> product) =>
        All.Where(place => !product.Any(file => place.Used.IsMatch(file.Code))).Select(place => $"Nothing uses {place.Subject}");

    private static bool Below(SourceFile file, string folder) => file.Path.StartsWith(folder, StringComparison.Ordinal);

    [GeneratedRegex(@"\b(?:Microsoft\.EntityFrameworkCore|Microsoft\.Data\.Sqlite|Npgsql)\b")]
    private static partial Regex Database();

    [GeneratedRegex(@"\bStackExchange\.Redis\b")]
    private static partial Regex Redis();

    [GeneratedRegex(@"^using\s+Garnet\b", RegexOptions.Multiline)]
    private static partial Regex Garnet();

    [GeneratedRegex(@"^using\s+Polly\b", RegexOptions.Multiline)]
    private static partial Regex Polly();

    [GeneratedRegex(@"\bMudBlazor\b")]
    private static partial Regex MudBlazor();

    [GeneratedRegex(@"\busing\s+Quartz\b")]
    private static partial Regex Quartz();

    [GeneratedRegex(@"\bSkiaSharp\b")]
    private static partial Regex Skia();

    [GeneratedRegex(@"(?:Store|Ledger|Rows?\.cs|Quer)")]
    private static partial Regex StoreName();

    [GeneratedRegex(@"(?:Page|Dialog)\w*\.cs$")]
    private static partial Regex PageName();
}
