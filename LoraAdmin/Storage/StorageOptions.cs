using Microsoft.Extensions.Options;

namespace LoraAdmin.Storage;

/// <summary>Section <c>Storage</c>.</summary>
public sealed class StorageOptions
{
    public const string Section = "Storage";

    /// <summary>How long a signed link works; one hour at most.</summary>
    public TimeSpan SignedLinkLifetime { get; set; } = LinkSigner.MaxLifetime;

    /// <summary>
    /// Secret that signs links, base64 of at least 32 bytes: the same for all instances behind one address. Empty: made at first start and kept in
    /// <c>{Data:Path}/keys/links.key</c>.
    /// </summary>
    public string? LinkKey { get; set; }

    /// <summary>
    /// Bytes that files in the buckets leave free on the disk of <c>Data:Path</c>, on which the database lies too with nothing configured; 0 asks nothing.
    /// </summary>
    public long MinimumFreeBytes { get; set; } = SpoolOptions.DefaultMinimumFreeBytes;

    /// <summary>The configured key, or null when none is configured.</summary>
    /// <exception cref="FormatException">It is not base64.</exception>
    internal byte[]? DecodeLinkKey() => string.IsNullOrWhiteSpace(LinkKey) ? null : Convert.FromBase64String(LinkKey);
}

/// <summary>Section <c>Spool</c>.</summary>
public sealed class SpoolOptions
{
    public const string Section = "Spool";

    /// <summary>The ledger, facts and incidents of months fit into it.</summary>
    public const long DefaultMinimumFreeBytes = 512 * 1024 * 1024;

    /// <summary>Folder of the spool; empty: <c>{Data:Path}/spool</c>.</summary>
    public string? Path { get; set; }

    /// <summary>Bytes that files in the spool leave free on its disk; 0 asks nothing.</summary>
    public long MinimumFreeBytes { get; set; } = DefaultMinimumFreeBytes;
}

internal sealed class StorageOptionsValidator : IValidateOptions<StorageOptions>
{
    public ValidateOptionsResult Validate(string? name, StorageOptions options)
    {
        List<string> problems = [];
        if (options.SignedLinkLifetime <= TimeSpan.Zero || options.SignedLinkLifetime > LinkSigner.MaxLifetime)
        {
            problems.Add($"Storage:SignedLinkLifetime is {options.SignedLinkLifetime}: set it above 0 and to 01:00:00 at most.");
        }

        if (options.MinimumFreeBytes < 0)
        {
            problems.Add($"Storage:MinimumFreeBytes is {options.MinimumFreeBytes}: set a number of bytes, or 0 to ask nothing.");
        }

        try
        {
            if (options.DecodeLinkKey() is { Length: < LinkSigner.MinimumKeyBytes })
            {
                problems.Add($"Storage:LinkKey is too short: give base64 of at least {LinkSigner.MinimumKeyBytes} random bytes, or leave it out.");
            }
        }
        catch (FormatException)
        {
            problems.Add($"Storage:LinkKey is not base64: give base64 of at least {LinkSigner.MinimumKeyBytes} random bytes, or leave it out.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}

internal sealed class SpoolOptionsValidator : IValidateOptions<SpoolOptions>
{
    public ValidateOptionsResult Validate(string? name, SpoolOptions options) =>
        options.MinimumFreeBytes >= 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"Spool:MinimumFreeBytes is {options.MinimumFreeBytes}: set a number of bytes, or 0 to ask nothing.");
}
