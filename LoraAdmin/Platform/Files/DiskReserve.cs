namespace LoraAdmin.Platform.Files;

/// <summary>
/// Room that is left free on a folder's disk: what must be written whatever happens, the portal's own database above all, may lie on the same one.
/// Several writers may pass one look together, so each looks again while it writes.
/// </summary>
/// <param name="folder">Any folder on the disk, absolute; it need not exist yet.</param>
/// <param name="bytes">How much is left free; 0 asks nothing.</param>
/// <param name="option">The configuration key of <paramref name="bytes"/>, for a person.</param>
public sealed class DiskReserve(string folder, long bytes, string option)
{
    /// <summary>How much a writer writes between two looks.</summary>
    public const int LookEvery = 8 * 1024 * 1024;

    /// <summary>How much may still be written.</summary>
    /// <exception cref="IOException">The disk does not say.</exception>
    public long RoomBytes() => Math.Max(0, FreeBytes() - bytes);

    /// <summary>Why nothing more may be written, and what to do; null when it may.</summary>
    /// <param name="wanted">How much is going to be written, as far as that is known.</param>
    /// <exception cref="IOException">The disk does not say.</exception>
    public string? Problem(long wanted = 0) => bytes > 0 && FreeBytes() is long free && free - wanted < bytes
        ? $"The disk of {folder} has {free} bytes free{(wanted > 0 ? $" and {wanted} more are to be written" : "")}: {option} ({bytes}) must stay free. Make room on it."
        : null;

    private long FreeBytes()
    {
        string there = folder;
        while (!Directory.Exists(there) && Path.GetDirectoryName(there) is { } parent)
        {
            there = parent;
        }

        return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(there)! : there).AvailableFreeSpace;
    }
}
