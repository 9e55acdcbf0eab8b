using System.Text;
using LoraAdmin.Platform.Files;

namespace LoraAdmin.Storage;

/// <summary>
/// Tells a spool whose disk is away from one that was never used: the folder gets a marker file before its first whole file, and where it lies is noted
/// apart from it. An unmounted disk leaves an empty folder in its place; the files on it are not gone (docs/decisions/0010).
/// </summary>
/// <param name="folder">Full path of the spool.</param>
/// <param name="note">File outside of the spool that remembers which folder was marked; null: remembered while the process lives.</param>
internal sealed class SpoolFolder(string folder, string? note)
{
    /// <summary>Begins with a character that no spool name begins with.</summary>
    public const string Marker = ".spool";

    private readonly Lock gate = new();
    private readonly string marker = Path.Combine(folder, Marker);
    private bool seen;
    private bool noted;

    /// <summary>Why nothing can be said about what lies in the spool; null when it is there, or was never used.</summary>
    /// <exception cref="IOException">The note can't be read.</exception>
    public string? Away()
    {
        lock (gate)
        {
            if (File.Exists(marker))
            {
                seen = true;
                return null;
            }

            return seen || IsNoted()
                ? $"The spool's folder {folder} is away: the file {Marker} that was made in it is missing. Mount its disk"
                    + (note is null ? "." : $", or delete {note} and start anew to begin a spool without the files of the old one.")
                : null;
        }
    }

    /// <summary>From now on a folder without the marker is <see cref="Away"/>. To be called only while it is not.</summary>
    /// <exception cref="IOException">Marker or note can't be written.</exception>
    public void Mark()
    {
        lock (gate)
        {
            if (!File.Exists(marker))
            {
                DurableFiles.ReadOrCreate(marker, static () => "The spool of LoraAdmin: trained files that storage does not have yet.\n"u8.ToArray());
            }

            seen = true;
            if (!noted)
            {
                WriteNote();
                noted = true;
            }
        }
    }

    private bool IsNoted() => note is not null && File.Exists(note) && File.ReadAllText(note).Trim() == folder;

    private void WriteNote()
    {
        if (note is not null && !IsNoted())
        {
            // Replaces the note of another folder: whoever configures a new spool begins a new one.
            File.Delete(note);
            DurableFiles.ReadOrCreate(note, () => Encoding.UTF8.GetBytes(folder + "\n"));
        }
    }
}
