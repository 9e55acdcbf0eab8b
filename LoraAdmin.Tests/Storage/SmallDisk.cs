using System.Diagnostics;
using Xunit;

namespace LoraAdmin.Tests.Storage;

/// <summary>A disk of a few megabytes that can really be filled: a tmpfs, which only root on Linux can mount.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TemporaryFolder folder;

    private SmallDisk(TemporaryFolder folder) => this.folder = folder;

    public string Path => folder.Path;

    public long FreeBytes => new DriveInfo(Path).AvailableFreeSpace;

    /// <summary>Fails the test where no disk can be mounted.</summary>
    public static SmallDisk Mount(int megabytes)
    {
        TemporaryFolder folder = new();
        if (!OperatingSystem.IsLinux() || !Runs("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", folder.Path))
        {
            folder.Dispose();
            Assert.Fail("A small disk could not be mounted: only root on Linux can. Run ./test.sh --long there.");
        }

        return new SmallDisk(folder);
    }

    public void Dispose()
    {
        Runs("umount", folder.Path);
        folder.Dispose();
    }

    private static bool Runs(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
