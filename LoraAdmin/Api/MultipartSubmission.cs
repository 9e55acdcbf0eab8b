using System.Runtime.CompilerServices;
using System.Text;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LoraAdmin.Api;

/// <summary>
/// Walks through a form once, forwards: text fields are noted, files are handed on as streams and never held. Fields may stand before or after the
/// files, but <c>user_id</c> comes before the first one, because it decides where the files are put.
/// </summary>
internal sealed class MultipartSubmission(MultipartReader reader, TrainingRules rules)
{
    /// <summary>More than any valid value, so that a too long one is told by its own rule; what is longer is not read.</summary>
    private const int MaxTextBytes = 64 * 1024;

    /// <summary>Problems of a form that never ends.</summary>
    private const int MaxProblems = 20;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private FileMultipartSection? pending;
    private int files;

    public SubmittedFields Fields { get; } = new();

    /// <summary>Whether the form was read to its end: only then can a field be called missing.</summary>
    public bool AtEnd { get; private set; }

    public bool HasFile => pending is not null || files > 0;

    /// <summary>The boundary of a multipart content type, or null when it is none or has none.</summary>
    public static string? BoundaryOf(string? contentType)
    {
        if (!MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? media)
            || !media.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        string boundary = HeaderUtilities.RemoveQuotes(media.Boundary).ToString();
        return boundary.Length is > 0 and <= 200 ? boundary : null;
    }

    /// <summary>Notes text fields up to the next file or the end.</summary>
    /// <exception cref="InvalidDataException">The form is malformed.</exception>
    /// <exception cref="IOException">The form breaks off.</exception>
    public async Task ReadToFileAsync(CancellationToken cancellationToken)
    {
        pending = null;
        while (Fields.Problems.Count < MaxProblems)
        {
            MultipartSection? section = await reader.ReadNextSectionAsync(cancellationToken);
            if (section is null)
            {
                AtEnd = true;
                return;
            }

            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
            {
                Fields.Problems.Add(new FieldProblem("(body)", "A part of the form has no Content-Disposition.", "Send each part as form-data with a name."));
                continue;
            }

            string name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
            if (disposition.IsFileDisposition())
            {
                if (name == TrainingRequestCheck.ImagesField)
                {
                    pending = new FileMultipartSection(section, disposition);
                    return;
                }

                Fields.Problems.Add(new FieldProblem(
                    name.Length <= 80 ? name : name[..80],
                    "A file was sent in this field.",
                    $"Send every image in the file field {TrainingRequestCheck.ImagesField}, repeated."));
                return;
            }

            await TakeTextAsync(name, section.Body, cancellationToken);
        }
    }

    /// <summary>The files from the pending one on. Ends early when something is wrong that no further file can mend.</summary>
    public async IAsyncEnumerable<StagedFile> FilesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (pending is { } file)
        {
            files++;
            if (files > rules.MaxImages)
            {
                Fields.Problems.Add(new FieldProblem(
                    TrainingRequestCheck.ImagesField,
                    $"There are more than {rules.MaxImages} images.",
                    $"Send {rules.MinImages} to {rules.MaxImages} images."));
                yield break;
            }

            yield return new StagedFile(FileName(file), file.FileStream ?? Stream.Null);
            await ReadToFileAsync(cancellationToken);
            if (Fields.Problems.Count > 0)
            {
                yield break;
            }
        }
    }

    private static string FileName(FileMultipartSection file)
    {
        string name = new([.. file.FileName.Where(character => !char.IsControl(character)).Take(120)]);
        return name.Length == 0 ? "unnamed" : name;
    }

    private async Task TakeTextAsync(string name, Stream body, CancellationToken cancellationToken)
    {
        if (name is TrainingRequestCheck.ImagesField or TrainingRequestCheck.ImageKeysField)
        {
            Fields.Problems.Add(new FieldProblem(
                name,
                "The field holds a text, not a file.",
                $"Send the images as files in the field {TrainingRequestCheck.ImagesField}, or send keys in a JSON request."));
            return;
        }

        if (!SubmittedFields.FormNames.Contains(name))
        {
            Fields.Problems.Add(JsonBody.Unknown(name, SubmittedFields.FormNames.Append(TrainingRequestCheck.ImagesField)));
            return;
        }

        byte[] buffer = new byte[MaxTextBytes + 1];
        int length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (length > MaxTextBytes)
        {
            Fields.NoteUnreadable(name, new FieldProblem(name, $"The value is longer than {MaxTextBytes / 1024} KiB.", "Shorten it; docs/api.md tells the length of each field."));
            return;
        }

        try
        {
            Fields.TakeText(name, Strict.GetString(buffer, 0, length), rules);
        }
        catch (DecoderFallbackException)
        {
            Fields.NoteUnreadable(name, new FieldProblem(name, "The value is not valid UTF-8.", "Encode the form's text as UTF-8."));
        }
    }
}
